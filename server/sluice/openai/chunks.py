"""The events of a streamed answer: what OpenAI's chat and completions have in common."""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, get_args

from sluice.engine.base import Delta, FinishReason
from sluice.openai.errors import encode_error
from sluice.openai.usage import Head, Usage
from sluice.transport.sse import event, to_json
from sluice.wire.answer import Answer
from sluice.wire.endpoint import Problem
from sluice.wire.template import EventTemplate, Frame

DONE = event(b"[DONE]")
Ending = FinishReason | None
ID, CREATED, PROMPT, COMPLETION = "\0id\0", -(2**53), -(2**40), -(2**41)
"""What stands for an answer's id, its time and its tokens in what is encoded once for all answers."""


class Chunks(ABC):
    """The Encoder of one answer. Every delta becomes exactly one event, also when its text is empty.

    Nearly every event differs from those of other answers in its id, its time and its text only, so all the rest is
    encoded once, from the models themselves.
    """

    chunk: ClassVar[type[Answer]]
    object: ClassVar[str]

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        """`choices`: how many sequences the answer has."""
        self.head, self.include_usage, self.choices = head, include_usage, choices
        self.templates = templates(type(self), head.model, include_usage, choices)
        self.stamp = to_json(head.id), to_json(head.created)
        self.frames = [self.frame(index, None) for index in range(choices)]

    def first(self) -> bytes:
        return b"".join(template.fill(*self.stamp) for template in self.templates.opening)

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.logprobs is None:
            reason = delta.finish_reason
            return (self.frames[index] if reason is None else self.frame(index, reason)).fill(delta.text)
        return encode(type(self), self.head, self.include_usage, [self.choice(index, delta)])

    def frame(self, index: int, ending: Ending) -> Frame:
        return Frame(self.templates.frames[index][ending].fill(*self.stamp))

    def last(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        if not self.include_usage:
            return DONE
        totals = map(to_json, (prompt_tokens, completion_tokens, prompt_tokens + completion_tokens))
        return self.templates.usage.fill(*self.stamp, *totals) + DONE

    def error(self, problem: Problem) -> bytes:
        return event(encode_error(problem))

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


class EventTemplates(NamedTuple):
    """`opening`: what comes first. `frames`: each choice's event, for each way in which it may end with it."""

    opening: list[EventTemplate]
    frames: list[dict[Ending, EventTemplate]]
    usage: EventTemplate


@lru_cache(maxsize=64)
def templates(kind: type[Chunks], model: str, include_usage: bool, choices: int) -> EventTemplates:
    """For all answers of one form; the text of a frame is Frame.SLOT."""
    head = Head(ID, CREATED, model)

    def template(choice: Answer) -> EventTemplate:
        return EventTemplate(encode(kind, head, include_usage, [choice]), ID, CREATED)

    greetings = [greeting for index in range(choices) if (greeting := kind.greeting(index)) is not None]
    endings: list[Ending] = [None, *get_args(FinishReason)]
    return EventTemplates(
        [template(greeting) for greeting in greetings],
        [{ending: template(kind.plain(index, Frame.SLOT, ending)) for ending in endings} for index in range(choices)],
        EventTemplate(
            encode(kind, head, True, [], Usage.of(PROMPT, COMPLETION)),
            ID, CREATED, PROMPT, COMPLETION, PROMPT + COMPLETION,
        ),
    )  # fmt: skip
