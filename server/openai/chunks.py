"""The events of a streamed answer: what both routes have in common."""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, get_args

from server.engine.base import Delta, FinishReason
from server.openai.answer import Answer, Head, Usage
from server.streaming.frames import Frame, Mould, event

DONE = event(b"[DONE]")
Ending = FinishReason | None


class Chunks(ABC):
    """Turns the deltas of one answer into SSE events. Every delta becomes exactly one, also when its text is empty.

    Nearly every event differs from those of other answers in its id, its time and its text only, so all the rest is
    encoded once, from the models themselves.
    """

    chunk: ClassVar[type[Answer]]
    object: ClassVar[str]

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        """`choices`: how many sequences the answer has."""
        self.head, self.include_usage, self.choices = head, include_usage, choices
        self.opening, frames = moulds(type(self), head.model, include_usage, choices)
        self.frames = [
            {ending: Frame(mould.cast(head.id, head.created)) for ending, mould in each.items()} for each in frames
        ]

    def first(self) -> bytes:
        """What is sent once the engine has accepted the request, before its first token."""
        return b"".join(mould.cast(self.head.id, self.head.created) for mould in self.opening)

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.logprobs is None:
            return self.frames[index][delta.finish_reason].fill(delta.text)
        return encode(type(self), self.head, self.include_usage, [self.choice(index, delta)])

    def last(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        """Ends an answer that is complete."""
        if not self.include_usage:
            return DONE
        return encode(type(self), self.head, True, [], Usage.of(prompt_tokens, completion_tokens)) + DONE

    @classmethod
    @abstractmethod
    def plain(cls, index: int, text: str, ending: Ending) -> Answer:
        """The entry in `choices` that carries a delta without logprobs."""

    @classmethod
    def greeting(cls, index: int) -> Answer | None:
        """The entry in `choices` that comes before the first token, if there is one."""
        return None

    @abstractmethod
    def choice(self, index: int, delta: Delta) -> Answer:
        """The entry in `choices` that carries a delta."""


def encode(
    kind: type[Chunks], head: Head, include_usage: bool, choices: list[Answer], usage: Usage | None = None
) -> bytes:
    """One event. OpenAI's `usage` is null in every chunk but the last, and absent when nobody asked for it."""
    fields: dict[str, Any] = {**head._asdict(), "object": kind.object, "choices": choices}
    if include_usage:
        fields["usage"] = usage
    return event(kind.chunk(**fields).encode())


@lru_cache(maxsize=64)
def moulds(
    kind: type[Chunks], model: str, include_usage: bool, choices: int
) -> tuple[list[Mould], list[dict[Ending, Mould]]]:
    """What comes first; and the event of each choice, for each way in which it may end with it, its text being SLOT."""
    head = Head(Mould.ID, Mould.CREATED, model)

    def mould(choice: Answer) -> Mould:
        return Mould(encode(kind, head, include_usage, [choice]))

    greetings = [greeting for index in range(choices) if (greeting := kind.greeting(index)) is not None]
    endings: list[Ending] = [None, *get_args(FinishReason)]
    frames = [{ending: mould(kind.plain(index, Frame.SLOT, ending)) for ending in endings} for index in range(choices)]
    return [mould(greeting) for greeting in greetings], frames
