"""The events of a streamed answer: what OpenAI's chat and completions have in common."""

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, ClassVar, NamedTuple, get_args

from sluice.engine.base import Delta, FinishReason, Rendered
from sluice.openai.errors import encode_error
from sluice.openai.reasons import Reason
from sluice.openai.sampling import GenerationBody
from sluice.openai.usage import Head, Usage
from sluice.transport.sse import event, to_json
from sluice.wire.answer import Answer
from sluice.wire.endpoint import About, Problem, Totals
from sluice.wire.template import EventTemplate, Frame

DONE = event(b"[DONE]")
Ending = Reason | None
ID, CREATED, MODEL = "\0id\0", -(2**53), "\0model\0"
INDEX, USED = -(2**45), Totals(-(2**40), -(2**41), -(2**42), -(2**43), -(2**44))
"""What stands for an answer's own, a choice's index and the answer's tokens in what is encoded once for all answers."""


class Chunks(ABC):
    """The Encoder of one answer. Every delta becomes exactly one event, also when its text is empty.

    Nearly every event differs from those of other answers in its head, its index and its text only, so all the rest is
    encoded once, from the models themselves.
    """

    chunk: ClassVar[type[Answer]]
    object: ClassVar[str]

    def __init__(self, about: About, body: GenerationBody, choices: int, *, tells_prompts: bool) -> None:
        """`choices`: how many sequences the answer has. `tells_prompts`: something of them is in its events."""
        self.include_usage, self.choices, self.n = body.include_usage, choices, body.n
        self.head = Head(about.id, about.created, about.model)
        self.fingerprint = about.fingerprint
        self.templates = templates(type(self), self.include_usage, about.fingerprint)
        self.stamp = to_json(about.id), to_json(about.created), to_json(about.model)
        self.used = [0] * choices if body.continuous_usage else None
        self.prompts = about.prompts if tells_prompts or self.used else ()
        depends = self.used is not None or (tells_prompts and body.echo)
        self.thoughts: list[Frame | None] = [None] * choices
        self.frames = [None if depends else self.frame(index, None) for index in range(choices)]

    def first(self) -> bytes:
        return b"".join(map(self.opening, range(self.choices))) if self.templates.opening is not None else b""

    def opening(self, index: int) -> bytes:
        """What comes before the first token of a choice."""
        assert self.templates.opening is not None
        return self.templates.opening.fill(*self.stamp, b"%d" % index)

    def delta(self, index: int, delta: Delta) -> bytes:
        reason, frame = delta.finish_reason, self.frames[index]
        is_plain = delta.logprobs is None and delta.more is None
        if is_plain and frame is not None and (delta.text or reason is None):
            return (frame if reason is None else self.frame(index, self.ending(index, delta))).fill(delta.text)
        if self.used is not None:
            self.used[index] += delta.tokens
        return self.encode(index, self.choice(index, delta), reason is not None)

    def prompt(self, index: int) -> Rendered:
        """That of a choice."""
        return self.prompts[index // self.n]

    def ending(self, index: int, delta: Delta) -> Ending:
        """OpenAI's word for the end of a sequence."""
        return delta.finish_reason

    def encode(self, index: int, choice: Answer, is_last: bool = False, **more: Any) -> bytes:
        """`more`: fields of the chunk."""
        usage = None
        if self.used is not None:
            usage = Usage.of(Totals(len(self.prompt(index).tokens), self.used[index]))
        return encode(
            type(self), self.head, self.include_usage, [choice], usage=usage,
            fingerprint=self.fingerprint if is_last else None, **more,
        )  # fmt: skip

    def frame(self, index: int, ending: Ending) -> Frame:
        return Frame(self.templates.frames[ending].fill(*self.stamp, b"%d" % index))

    def last(self, totals: Totals) -> bytes:
        if not self.include_usage:
            return DONE
        numbers = map(to_json, (*totals[:2], totals.prompt + totals.completion, *totals[2:]))
        return self.templates.usage.fill(*self.stamp, *numbers) + DONE

    def error(self, problem: Problem) -> bytes:
        return event(encode_error(problem))

    @classmethod
    @abstractmethod
    def plain(cls, index: int, text: str, ending: Ending) -> Answer:
        """The entry in `choices` that carries a delta that is only a text, or its end."""

    @classmethod
    def greeting(cls, index: int) -> Answer | None:
        """The entry in `choices` that comes before the first token, if there is one."""
        return None

    @abstractmethod
    def choice(self, index: int, delta: Delta) -> Answer:
        """The entry in `choices` that carries a delta with more than a text."""


def encode(
    kind: type[Chunks], head: Head, include_usage: bool, choices: list[Answer], *, usage: Usage | None = None,
    fingerprint: str | None = None, **more: Any,
) -> bytes:  # fmt: skip
    """One event. OpenAI's `usage` is null in every chunk but the last, and absent when nobody asked for it."""
    fields: dict[str, Any] = {**head._asdict(), "object": kind.object, "choices": choices} | more
    if include_usage:
        fields["usage"] = usage
    if fingerprint is not None:
        fields["system_fingerprint"] = fingerprint
    return event(kind.chunk(**fields).encode())


class EventTemplates(NamedTuple):
    """`opening`: what comes first. `frames`: a choice's event, for each way in which it may end with it."""

    opening: EventTemplate | None
    frames: dict[Ending, EventTemplate]
    usage: EventTemplate


@cache  # what a client chooses is in none of it
def templates(kind: type[Chunks], include_usage: bool, fingerprint: str) -> EventTemplates:
    """For all answers of one form; the text of a frame is Frame.SLOT."""
    head = Head(ID, CREATED, MODEL)

    def template(choice: Answer, fingerprint: str | None) -> EventTemplate:
        event = encode(kind, head, include_usage, [choice], fingerprint=fingerprint)
        return EventTemplate(event, ID, CREATED, MODEL, INDEX)

    greeting = kind.greeting(INDEX)
    endings: list[Ending] = [None, *get_args(FinishReason), "tool_calls"]
    usage = encode(kind, head, True, [], usage=Usage.of(USED), fingerprint=fingerprint)
    return EventTemplates(
        None if greeting is None else template(greeting, None),
        {
            ending: template(kind.plain(INDEX, Frame.SLOT, ending), fingerprint if ending else None)
            for ending in endings
        },
        EventTemplate(usage, ID, CREATED, MODEL, *USED[:2], USED.prompt + USED.completion, *USED[2:]),
    )
