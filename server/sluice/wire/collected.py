"""A sequence put together from its deltas, for an answer that is not streamed."""

from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import Protocol

from sluice.engine.base import Delta, FinishReason, PromptLogprobs, TokenLogprob
from sluice.engine.parser import Parsed


class CollectedLogprobs(Protocol):
    """Those of a sequence's tokens, made into JSON as they come: at the end it would be too much in one turn."""

    def add(self, tokens: Sequence[TokenLogprob]) -> None: ...

    def pieces(self) -> Iterator[bytes | bytearray]:
        """The JSON, in its order."""


class CollectedDeltas:
    """`parsed`: what a parser has made of the text, where there is one. `scored`: the prompt's logprobs, once read."""

    parsed: Parsed | None = None
    prompt: Callable[[], PromptLogprobs] | None = None
    scored: PromptLogprobs | None = None

    def __init__(self, logprobs: CollectedLogprobs | None = None) -> None:
        self.texts, self.logprobs = StringIO(newline=""), logprobs
        self.tokens = 0
        self.ids = list[int]()
        self.finish_reason: FinishReason | None = None
        self.stop_reason: int | str | None = None
        self.vector = b""

    def put(self, delta: Delta) -> None:
        self.texts.write(delta.text)
        self.tokens += delta.tokens
        self.finish_reason = delta.finish_reason
        if self.logprobs is not None and delta.logprobs is not None:
            self.logprobs.add(delta.logprobs)
        if delta.more is not None:
            self.ids += delta.more.ids
            self.stop_reason, self.vector = delta.more.stop_reason, delta.more.vector
            self.prompt = delta.more.prompt or self.prompt

    def read_prompt(self) -> None:
        """May take long."""
        if self.prompt is not None:
            self.scored = self.prompt()

    @property
    def text(self) -> str:
        return self.texts.getvalue()
