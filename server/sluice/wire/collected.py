"""A sequence put together from its deltas, for an answer that is not streamed."""

from dataclasses import dataclass, field

from sluice.engine.base import Delta, FinishReason, TokenLogprob


@dataclass(slots=True)
class CollectedDeltas:
    texts: list[str] = field(default_factory=list)
    tokens: int = 0
    finish_reason: FinishReason | None = None
    logprobs: list[TokenLogprob] | None = None

    def put(self, delta: Delta) -> None:
        self.texts.append(delta.text)
        self.tokens += delta.tokens
        self.finish_reason = delta.finish_reason
        if delta.logprobs is not None:
            self.logprobs = self.logprobs or []
            self.logprobs += delta.logprobs

    @property
    def text(self) -> str:
        return "".join(self.texts)
