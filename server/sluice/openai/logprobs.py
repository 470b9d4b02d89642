"""Tokens' probabilities in the shapes of the two routes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import Raw

from sluice.engine.base import TokenLogprob
from sluice.transport.sse import to_json
from sluice.wire.answer import Answer

LEAST = -9999.0  # JSON has no -Infinity; vLLM's own server sends this number, too


def finite(token: TokenLogprob) -> float:
    return max(token.logprob, LEAST)


class Logprobs(ABC):
    """An object of lists, each with an entry a token: JSON that grows as they come. `end` is what follows the lists."""

    names: ClassVar[tuple[str, ...]]
    end: ClassVar[bytes] = b"}"

    def __init__(self) -> None:
        self.lists = tuple(bytearray() for _ in self.names)

    def add(self, tokens: Sequence[TokenLogprob]) -> None:
        for token in tokens:
            for entries, entry in zip(self.lists, self.entries(token), strict=True):
                entries.extend(b"," if entries else b"")
                entries.extend(to_json(entry))

    @abstractmethod
    def entries(self, token: TokenLogprob) -> tuple[object, ...]:
        """One for each list."""

    def pieces(self) -> Iterator[bytes | bytearray]:
        for index, (name, entries) in enumerate(zip(self.names, self.lists, strict=True)):
            yield b'%b"%b":[' % (b"," if index else b"{", name.encode())
            yield entries
            yield b"]"
        yield self.end

    def take(self) -> Raw:
        """The object with what has come since it was taken last."""
        taken = Raw(b"".join(self.pieces()))
        for entries in self.lists:
            entries.clear()
        return taken


class TopLogprob(Answer, gc=False):
    token: str
    logprob: float
    bytes: list[int]


class ChatLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class ChatLogprobs(Logprobs):
    names, end = ("content",), b',"refusal":null}'

    def __init__(self, top_logprobs: int) -> None:
        """`top_logprobs`: how many were asked for; the engine may add the token itself to the likeliest ones."""
        super().__init__()
        self.top_logprobs = top_logprobs

    def entries(self, token: TokenLogprob) -> tuple[ChatLogprob]:
        top = [TopLogprob(*fields(each)) for each in token.top[: self.top_logprobs]]
        return (ChatLogprob(*fields(token), top),)


def fields(token: TokenLogprob) -> tuple[str, float, list[int]]:
    return token.token, finite(token), list(token.token.encode())


class CompletionLogprobs(Logprobs):
    """`offset`: characters in the tokens so far."""

    names = "text_offset", "token_logprobs", "tokens", "top_logprobs"

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0

    def entries(self, token: TokenLogprob) -> tuple[int, float, str, dict[str, float]]:
        offset = self.offset
        self.offset += len(token.token)
        return offset, finite(token), token.token, {each.token: finite(each) for each in token.top}
