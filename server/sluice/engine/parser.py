"""What an engine makes of a text in which a model calls tools, or thinks."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class CallDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a tool call; the first one of a call has its `id` and `name`. `index`: the call's, from 0."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None


class Parsed(msgspec.Struct, frozen=True):
    """An answer, or a piece of it, taken apart. In a whole one each call is one CallDelta."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[CallDelta, ...] = ()


class Parser(Protocol):
    """Reads one answer, either piece by piece or as a whole."""

    def piece(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        """The next one. `ids`: its tokens."""
        ...

    def whole(self, text: str, ids: Sequence[int]) -> Parsed: ...

    def reasoning_tokens(self, ids: Sequence[int]) -> int:
        """How many of an answer's tokens are reasoning."""
        ...
