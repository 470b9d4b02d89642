"""A sequence put together from its deltas, for an answer that is not streamed."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Protocol

from sluice.engine.base import Delta, FinishReason, TokenLogprob


class CollectedLogprobs(Protocol):
    """Those of a sequence's tokens, made into JSON as they come: at the end it would be too much in one turn."""

    def add(self, tokens: Sequence[TokenLogprob]) -> None: ...

    def pieces(self) -> Iterator[bytes | bytearray]:
        """The JSON, in its order."""


class CollectedDeltas:
    def __init__(self, logprobs: CollectedLogprobs | None = None) -> None:
        self.texts, self.logprobs = StringIO(newline=""), logprobs
        self.tokens = 0
        self.finish_reason: FinishReason | None = None

    def put(self, delta: Delta) -> None:
        self.texts.write(delta.text)
        self.tokens += delta.tokens
        self.finish_reason = delta.finish_reason
        if self.logprobs is not None and delta.logprobs is not None:
            self.logprobs.add(delta.logprobs)

    @property
    def text(self) -> str:
        return self.texts.getvalue()
