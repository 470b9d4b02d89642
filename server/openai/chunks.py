"""The events of a streamed answer: what both routes have in common."""

from abc import ABC, abstractmethod
from typing import Any

from server.engine.base import Delta
from server.openai.answer import Answer, Head, Usage
from server.streaming.frames import Frame, event

DONE = event(b"[DONE]")


class Chunks(ABC):
    """Turns the deltas of one answer into SSE events. Every delta becomes exactly one, also when its text is empty."""

    chunk: type[Answer]
    object: str

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        """`choices`: how many sequences the answer has."""
        self.head = {**head._asdict(), "object": self.object}
        self.include_usage, self.choices = include_usage, choices
        # Nearly every event differs from the others in its text only, so all the rest is encoded once.
        self.frames = [Frame(self.encode([self.choice(i, Delta(Frame.SLOT, 1))])) for i in range(choices)]

    @abstractmethod
    def first(self) -> bytes:
        """What is sent once the engine has accepted the request, before its first token."""

    @abstractmethod
    def choice(self, index: int, delta: Delta) -> Answer:
        """The entry in `choices` that carries a delta."""

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.finish_reason is None and delta.logprobs is None:
            return self.frames[index].fill(delta.text)
        return self.encode([self.choice(index, delta)])

    def last(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        """Ends an answer that is complete."""
        usage = self.encode([], Usage.of(prompt_tokens, completion_tokens)) if self.include_usage else b""
        return usage + DONE

    def encode(self, choices: list[Answer], usage: Usage | None = None) -> bytes:
        """One event. OpenAI's `usage` is null in every chunk but the last, and absent when nobody asked for it."""
        fields: dict[str, Any] = {**self.head, "choices": choices}
        if self.include_usage:
            fields["usage"] = usage
        return event(self.chunk(**fields).encode())
