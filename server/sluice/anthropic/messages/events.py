"""The events of a streamed answer: blocks one after the other, each of which is opened, filled and closed."""

from functools import lru_cache
from typing import Literal

from sluice.anthropic.errors import encode_error
from sluice.anthropic.messages.answer import (
    Block,
    BlockDelta,
    BlockStart,
    BlockStop,
    Ending,
    InputDelta,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolUse,
    Usage,
)
from sluice.anthropic.messages.ending import ending
from sluice.engine.base import Delta, More
from sluice.engine.parser import CallDelta
from sluice.transport.sse import named_event
from sluice.wire.answer import Answer
from sluice.wire.endpoint import About, Problem, Totals
from sluice.wire.template import Frame

Kind = Literal["text", "thinking", "tool_use"]
DELTAS: dict[Kind, TextDelta | ThoughtDelta | InputDelta] = {
    "text": TextDelta(Frame.SLOT),
    "thinking": ThoughtDelta(Frame.SLOT),
    "tool_use": InputDelta(Frame.SLOT),
}
"""What fills a block of each kind."""


def event(answer: Answer) -> bytes:
    """Named as its `type` is."""
    return named_event(str(answer.__struct_config__.tag), answer.encode())


@lru_cache(256)
def frame(kind: Kind, index: int) -> Frame:
    """The event that fills a block."""
    return Frame(event(BlockDelta(index, DELTAS[kind])))


class MessageEvents:
    """The Encoder of one answer. What is only a text, or a thought, has a frame while the open block is one.

    `index`: the open block's, or the last one's. `call`: the arguments of the last call. `held`: text that has come
    while a call was open, whose arguments may go on.
    """

    def __init__(self, about: About) -> None:
        self.about = about
        self.frames: list[Frame | None] = [None]
        self.thoughts: list[Frame | None] = [None]
        self.kind: Kind | None = None
        self.index = -1
        self.call: str | None = None
        self.held = ""
        self.ending: Ending | None = None

    def first(self) -> bytes:
        usage = Usage.of(Totals(sum(len(prompt.tokens) for prompt in self.about.prompts), 0))
        return event(MessageStart(Message(self.about.id, "assistant", self.about.model, [], None, None, usage)))

    def delta(self, index: int, delta: Delta) -> bytes:
        more, events = delta.more or More(), list[bytes]()
        if more.reasoning:
            events += self.say("thinking", more.reasoning)
        if delta.text or not (more.reasoning or more.calls or self.kind):
            events += self.say("text", delta.text)
        for call in more.calls:
            events += self.use(call)
        if delta.finish_reason is not None:
            events += self.close()
            self.ending = ending(delta.finish_reason, more.stop_reason, self.call)
        return b"".join(events)

    def say(self, kind: Literal["text", "thinking"], text: str) -> list[bytes]:
        if kind == "text" and self.kind == "tool_use":
            self.held += text
            return []
        opening = list[bytes]()
        if self.kind != kind:
            opening = self.open(kind, Text("") if kind == "text" else Thought("", ""))
        return [*opening, frame(kind, self.index).fill(text)]

    def use(self, call: CallDelta) -> list[bytes]:
        opening = list[bytes]()
        if call.id is not None:
            opening = self.open("tool_use", ToolUse(call.id, call.name or "", {}))
            self.call = ""
        self.call = (self.call or "") + call.arguments
        return [*opening, frame("tool_use", self.index).fill(call.arguments)]

    def open(self, kind: Kind, block: Block) -> list[bytes]:
        """The next block, once the one before is closed."""
        closing = self.close()
        self.kind, self.index = kind, self.index + 1
        self.frames[0] = frame("text", self.index) if kind == "text" else None
        self.thoughts[0] = frame("thinking", self.index) if kind == "thinking" else None
        return [*closing, event(BlockStart(self.index, block))]

    def close(self) -> list[bytes]:
        kind, held, events = self.kind, self.held, list[bytes]()
        self.kind, self.held, self.frames[0], self.thoughts[0] = None, "", None, None
        if kind == "thinking":  # clients send a signature back, and some take no thought without one
            events.append(event(BlockDelta(self.index, SignatureDelta(self.about.id))))
        if kind is not None:
            events.append(event(BlockStop(self.index)))
        if held.strip():
            events += [*self.say("text", held), *self.close()]
        return events

    def last(self, totals: Totals) -> bytes:
        assert self.ending is not None
        return event(MessageDelta(self.ending, Usage.of(totals))) + event(MessageStop())

    def error(self, problem: Problem) -> bytes:
        return named_event("error", encode_error(problem))
