"""The events of a streamed response."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Raw

from sluice.engine.base import Delta, More
from sluice.openai.responses.answer import ResponseError, ResponseObject, State
from sluice.openai.responses.logprobs import TextLogprobs
from sluice.openai.responses.output import Called, Ending, Event, Message, Output, Reasoning
from sluice.transport.sse import named_event, one_line, to_json
from sluice.wire.endpoint import Problem, Totals
from sluice.wire.template import EventTemplate, Frame

NUMBER = -(2**45)
"""What stands for an event's number in what is encoded once for all deltas of an item."""
NOTHING = More()


class ResponseEvents:
    """The Encoder of one answer, whose one sequence makes items, one after another. Each event has the next `number`.

    Of the item that is `open`: its `texts`, and what is `around` the text and the number of each of its deltas, which
    is encoded once. `held`: tokens of which it is not known yet whether they are the text's, because a parser holds
    their text back.
    """

    def __init__(self, response: ResponseObject, top_logprobs: int) -> None:
        self.response = response
        self.answer = response.about.id.rpartition("_")[2]
        self.number = 0
        self.items = list[bytes]()
        self.open: Output | None = None
        self.texts, self.around = list[str](), (b"", b"", b"")
        self.held, self.logprobs = TextLogprobs(top_logprobs), TextLogprobs(top_logprobs)
        self.status: Ending = "completed"

    @property
    def frames(self) -> Sequence["ResponseEvents"]:
        return (self,)

    @property
    def thoughts(self) -> Sequence[Frame | None]:
        return (None,)

    def first(self) -> bytes:
        response = self.as_json(self.response.state("in_progress"))
        return self.events((f"response.{kind}", {"response": response}) for kind in ("created", "in_progress"))

    def fill(self, text: str) -> bytes:
        """The events for a delta that is only a text."""
        return self.said(text) if type(self.open) is Message else self.begin(Message) + self.said(text)

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.logprobs is None and delta.more is None and delta.finish_reason is None:
            return self.fill(delta.text)
        more, events = delta.more or NOTHING, list[bytes]()
        self.hold(delta, more)
        if more.reasoning:
            events += b"" if type(self.open) is Reasoning else self.begin(Reasoning), self.said(more.reasoning)
        if delta.text:
            events.append(self.spoken(delta.text) if self.held.said else self.fill(delta.text))
        for call in more.calls:
            if not (isinstance(self.open, Called) and self.open.call.index == call.index):
                events.append(self.begin(Called, call))
            if call.arguments:
                events.append(self.said(call.arguments))
        if delta.finish_reason is not None:
            events.append(self.finish("incomplete" if delta.finish_reason == "length" else "completed"))
        return b"".join(events)

    def hold(self, delta: Delta, more: More) -> None:
        """Its tokens, as far as they may be the text's."""
        if delta.logprobs is not None:
            self.held.add(delta.logprobs)
        ends_another = bool(delta.text) and self.open is not None and type(self.open) is not Message
        if more.reasoning or more.calls or ends_another:  # there are marks among them
            self.held.keep(delta.text, is_last=False)

    def spoken(self, text: str) -> bytes:
        """The events for a text whose tokens are told."""
        begun = b"" if type(self.open) is Message else self.begin(Message)
        assert isinstance(self.open, Message)
        self.open.texts.append(text)
        event = self.open.delta(text, self.held.to_raw())
        self.logprobs.take(self.held)
        return begun + self.events([event])

    def said(self, text: str) -> bytes:
        """The event for more of the item that is open."""
        self.texts.append(text)
        number = self.number
        self.number = number + 1
        data = to_json(text)
        before, between, after = self.around
        return b"%b%b%b%d%b" % (before, data if data.isascii() else one_line(data), between, number, after)

    def begin(self, kind: type[Output], *own: Any) -> bytes:
        """Another item, and the end of the one before."""
        ended = self.end("completed")
        self.open = kind(self.answer, len(self.items), *own)
        self.texts = self.open.texts
        before, _, between, _, after = EventTemplate(
            encode(self.open.delta(Frame.SLOT), NUMBER), Frame.SLOT, NUMBER
        ).parts
        self.around = before, between, after
        return ended + self.events(self.open.begun())

    def end(self, status: Ending) -> bytes:
        """Of the item that is open, if one is."""
        if self.open is None:
            return b""
        if isinstance(self.open, Message):
            self.open.logprobs = self.logprobs.to_raw()
            self.logprobs.clear()
        item, events = self.open.ended(status)
        self.items.append(to_json(item))
        self.open = None
        return self.events(events)

    def finish(self, status: Ending) -> bytes:
        """The sequence has ended."""
        self.status = status
        events = [self.spoken("")] if self.held.said and isinstance(self.open, Message) else []
        if self.open is None and not self.items:
            events.append(self.fill(""))
        events.append(self.end(status))
        return b"".join(events)

    def last(self, totals: Totals) -> bytes:
        """What OpenAI sends: the response as a whole, and no `[DONE]` after it."""
        response = self.as_json(self.response.ended(self.status, totals))
        return self.events([(f"response.{self.status}", {"response": response})])

    def error(self, problem: Problem) -> bytes:
        """Two events, as OpenAI sends them: some clients look for the one, some for the other.

        The error is in its own event twice. At the top is where OpenAI documents it; in `error` is where it sends it,
        and what makes its SDKs raise.
        """
        code = problem.code or problem.type
        told = {"code": code, "message": problem.message, "param": problem.param}
        failed = self.as_json(self.response.state("failed", ResponseError.of(problem)))
        return self.events(
            [
                ("error", {**told, "error": {"type": problem.type, **told}}),
                ("response.failed", {"response": failed}),
            ]
        )

    def as_json(self, state: State) -> Raw:
        return Raw(b"".join(self.response.pieces(state, [b",".join(self.items)])))

    def events(self, events: Iterable[Event]) -> bytes:
        made = list[bytes]()
        for event in events:
            made.append(encode(event, self.number))
            self.number += 1
        return b"".join(made)


def encode(event: Event, number: int) -> bytes:
    name, fields = event
    return named_event(name, to_json({"type": name, **fields, "sequence_number": number}))
