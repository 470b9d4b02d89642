"""The events of a streamed answer: what OpenAI's chat and completions have in common."""

from abc import ABC, abstractmethod
from functools import cache
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
ID, CREATED, MODEL = "\0id\0", -(2**53), "\0model\0"
INDEX, PROMPT, COMPLETION = -(2**45), -(2**40), -(2**41)
"""What stands for an answer's own, a choice's index and the answer's tokens in what is encoded once for all answers."""


class Chunks(ABC):
    """The Encoder of one answer. Every delta becomes exactly one event, also when its text is empty.

    Nearly every event differs from those of other answers in its head, its index and its text only, so all the rest is
    encoded once, from the models themselves.
    """

    chunk: ClassVar[type[Answer]]
    object: ClassVar[str]

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        """`choices`: how many sequences the answer has."""
        self.head, self.include_usage, self.choices = head, include_usage, choices
        self.templates = templates(type(self), include_usage)
        self.stamp = to_json(head.id), to_json(head.created), to_json(head.model)
        self.frames = [self.frame(index, None) for index in range(choices)]

    def first(self) -> bytes:
        opening = self.templates.opening
        return b"".join(opening.fill(*self.stamp, b"%d" % index) for index in range(self.choices)) if opening else b""

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.logprobs is None:
            reason = delta.finish_reason
            return (self.frames[index] if reason is None else self.frame(index, reason)).fill(delta.text)
        return encode(type(self), self.head, self.include_usage, [self.choice(index, delta)])

    def frame(self, index: int, ending: Ending) -> Frame:
        return Frame(self.templates.frames[ending].fill(*self.stamp, b"%d" % index))

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
        """The entry in `choices` that carries a delta with logprobs."""


def encode(
    kind: type[Chunks], head: Head, include_usage: bool, choices: list[Answer], usage: Usage | None = None
) -> bytes:
    """One event. OpenAI's `usage` is null in every chunk but the last, and absent when nobody asked for it."""
    fields: dict[str, Any] = {**head._asdict(), "object": kind.object, "choices": choices}
    if include_usage:
        fields["usage"] = usage
    return event(kind.chunk(**fields).encode())


class EventTemplates(NamedTuple):
    """`opening`: what comes first. `frames`: a choice's event, for each way in which it may end with it."""

    opening: EventTemplate | None
    frames: dict[Ending, EventTemplate]
    usage: EventTemplate


@cache  # what a client chooses is in none of it
def templates(kind: type[Chunks], include_usage: bool) -> EventTemplates:
    """For all answers of one form; the text of a frame is Frame.SLOT."""
    head = Head(ID, CREATED, MODEL)

    def template(choice: Answer) -> EventTemplate:
        return EventTemplate(encode(kind, head, include_usage, [choice]), ID, CREATED, MODEL, INDEX)

    greeting = kind.greeting(INDEX)
    endings: list[Ending] = [None, *get_args(FinishReason)]
    return EventTemplates(
        None if greeting is None else template(greeting),
        {ending: template(kind.plain(INDEX, Frame.SLOT, ending)) for ending in endings},
        EventTemplate(
            encode(kind, head, True, [], Usage.of(PROMPT, COMPLETION)),
            ID, CREATED, MODEL, PROMPT, COMPLETION, PROMPT + COMPLETION,
        ),
    )  # fmt: skip
