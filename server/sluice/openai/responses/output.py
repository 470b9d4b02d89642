"""The items of a response's output, while they come and when they are complete, and the events that tell of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from msgspec import Raw

from sluice.engine.parser import CallDelta
from sluice.transport.sse import one_line, to_json
from sluice.wire.answer import Answer

Ending = Literal["completed", "incomplete"]
Status = Literal["in_progress"] | Ending
Event = tuple[str, dict[str, Any]]
"""What it is called, and its fields."""
EMPTY, NONE = Raw(b'""'), Raw(b"[]")


def to_raw(text: str) -> Raw:
    """Long ones are in several events: they are made into JSON once."""
    return Raw(one_line(to_json(text)))


class OutputText(Answer):
    type: Literal["output_text"]
    text: Raw
    annotations: list[None]
    logprobs: Raw | None


class OutputMessage(Answer):
    id: str
    type: Literal["message"]
    status: Status
    role: Literal["assistant"]
    content: list[OutputText]


class ReasoningText(Answer):
    type: Literal["reasoning_text"]
    text: Raw


class ReasoningItem(Answer):
    id: str
    type: Literal["reasoning"]
    status: Status
    summary: list[None]
    content: list[ReasoningText]


class FunctionCallItem(Answer):
    id: str
    type: Literal["function_call"]
    status: Status
    call_id: str
    name: str
    arguments: Raw


class Output(ABC):
    """An item under way: `texts` is what it has so far. `answer` is what makes its answer's ids its own."""

    prefix: ClassVar[str]
    kind: ClassVar[str]

    def __init__(self, answer: str, index: int) -> None:
        self.id, self.index = f"{self.prefix}_{answer}{index:02x}", index
        self.texts = list[str]()

    @property
    def place(self) -> dict[str, Any]:
        """In events about what is in it."""
        return {"item_id": self.id, "output_index": self.index}

    @abstractmethod
    def item(self, status: Status, text: Raw) -> Answer: ...

    def begun(self) -> Iterator[Event]:
        yield "response.output_item.added", {"output_index": self.index, "item": self.item("in_progress", EMPTY)}

    def delta(self, text: str | Raw) -> Event:
        return f"{self.kind}.delta", {**self.place, "delta": text}

    @abstractmethod
    def done(self, text: Raw) -> Iterator[Event]:
        """Its text is complete."""

    def ended(self, status: Ending) -> tuple[Answer, Iterator[Event]]:
        """The item as it is in the end, and what tells of it."""
        text = to_raw("".join(self.texts))
        item = self.item(status, text)

        def events() -> Iterator[Event]:
            yield from self.done(text)
            yield "response.output_item.done", {"output_index": self.index, "item": item}

        return item, events()


class Spoken(Output):
    """An item with one part, which has a text."""

    @property
    def place(self) -> dict[str, Any]:
        return {**super().place, "content_index": 0}

    @abstractmethod
    def part(self, text: Raw) -> Answer: ...

    def begun(self) -> Iterator[Event]:
        yield from super().begun()
        yield "response.content_part.added", {**self.place, "part": self.part(EMPTY)}

    def done(self, text: Raw) -> Iterator[Event]:
        yield f"{self.kind}.done", {**self.place, "text": text}
        yield "response.content_part.done", {**self.place, "part": self.part(text)}


class Message(Spoken):
    """`logprobs`: of the text so far; null is for whoever puts them in later."""

    prefix, kind = "msg", "response.output_text"
    logprobs: Raw | None = NONE

    def part(self, text: Raw) -> OutputText:
        return OutputText("output_text", text, [], self.logprobs)

    def item(self, status: Status, text: Raw) -> OutputMessage:
        content = [] if status == "in_progress" else [self.part(text)]
        return OutputMessage(self.id, "message", status, "assistant", content)

    def delta(self, text: str | Raw, logprobs: Raw = NONE) -> Event:
        kind, fields = super().delta(text)
        return kind, fields | {"logprobs": logprobs}

    def done(self, text: Raw) -> Iterator[Event]:
        (kind, fields), *events = super().done(text)
        yield kind, fields | {"logprobs": self.logprobs}
        yield from events


class Reasoning(Spoken):
    prefix, kind = "rs", "response.reasoning_text"

    def part(self, text: Raw) -> ReasoningText:
        return ReasoningText("reasoning_text", text)

    def item(self, status: Status, text: Raw) -> ReasoningItem:
        content = [] if status == "in_progress" else [self.part(text)]
        return ReasoningItem(self.id, "reasoning", status, [], content)


class Called(Output):
    prefix, kind = "fc", "response.function_call_arguments"

    def __init__(self, answer: str, index: int, call: CallDelta) -> None:
        super().__init__(answer, index)
        self.call = call

    def item(self, status: Status, text: Raw) -> FunctionCallItem:
        return FunctionCallItem(self.id, "function_call", status, self.call.id or "", self.call.name or "", text)

    def done(self, text: Raw) -> Iterator[Event]:
        yield f"{self.kind}.done", {**self.place, "arguments": text}
