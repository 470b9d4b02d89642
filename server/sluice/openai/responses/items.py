"""The items of a response's input, as OpenAI's clients send them, and the messages that a chat template takes.

Clients put back into it what they have had as an answer, from whatever server: what changes nothing is dropped.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from sluice.openai.chat.messages import MOST_PARTS, RefusalPart
from sluice.transport.sse import to_json
from sluice.wire.body import Dropped, WireModel, at_most, told_by

MOST_ITEMS = 4096
"""A turn of an agent is three of them or more: a thought, a call, what came of it."""
TEXTS = ("input_text", "output_text", "text")
THOUGHTS = ("reasoning_text", "summary_text", "text")
Message = dict[str, Any]
"""As a chat template takes it."""


class TextPart(WireModel):
    type: Literal["input_text", "output_text", "text", "reasoning_text", "summary_text"]
    text: str
    annotations: Dropped = None
    logprobs: Dropped = None
    prompt_cache_breakpoint: Dropped = None


class Refusal(RefusalPart):
    annotations: Dropped = None


Parts = Annotated[
    list[Annotated[TextPart | Refusal, told_by("type", dict.fromkeys(TEXTS, TextPart) | {"refusal": Refusal})]],
    Field(fail_fast=True),
    at_most(MOST_PARTS),
]
Thoughts = Annotated[
    list[Annotated[TextPart, told_by("type", dict.fromkeys(THOUGHTS, TextPart))]],
    Field(fail_fast=True),
    at_most(MOST_PARTS),
]
PARTS: TypeAdapter[list[TextPart | Refusal]] = TypeAdapter(Parts)


def joined(parts: Sequence[TextPart | Refusal]) -> str:
    """With a line for each, as in a chat."""
    return "\n".join(part.text for part in parts)


def as_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return joined(PARTS.validate_python(content))
    raise PydanticCustomError("content", "Input should be a string or a list of text parts")


Content = Annotated[str, PlainValidator(as_text, json_schema_input_type=str | Parts)]


class Item(WireModel, ABC):
    id: Dropped = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None

    @abstractmethod
    def add_to(self, messages: list[Message]) -> None:
        """An assistant's message is made of several items: what it said, what it thought, what it called."""

    def goes_on(self) -> bool:
        """Whether the answer is to continue it, where it is the last one."""
        return False


def complete(messages: list[Message], field: str, value: Any) -> None:
    """Give it to the assistant's message that is last, if that has none yet; else it begins one."""
    if messages and messages[-1]["role"] == "assistant" and field not in messages[-1]:
        messages[-1][field] = value
    else:
        messages.append({"role": "assistant", field: value})


def add_call(messages: list[Message], call_id: str, name: str, arguments: str) -> None:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if messages and messages[-1]["role"] == "assistant" and "tool_calls" in messages[-1]:
        messages[-1]["tool_calls"].append(call)
    else:
        complete(messages, "tool_calls", [call])


class MessageItem(Item):
    type: Literal["message"]
    role: Literal["user", "system", "developer", "assistant"]
    content: Content
    phase: Dropped = None

    def add_to(self, messages: list[Message]) -> None:
        if self.role == "assistant":
            complete(messages, "content", self.content)
        else:  # "developer" is OpenAI's newer word for "system"; models know the old one
            role = "system" if self.role == "developer" else self.role
            messages.append({"role": role, "content": self.content})

    def goes_on(self) -> bool:
        return self.role == "assistant" and self.status in ("in_progress", "incomplete")


class FunctionCall(Item):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    namespace: Dropped = None
    caller: Dropped = None
    parsed_arguments: Dropped = None

    def add_to(self, messages: list[Message]) -> None:
        add_call(messages, self.call_id, self.name, self.arguments)


class CustomToolCall(Item):
    """From another server: here no model is offered such a tool. vLLM gives templates the same."""

    type: Literal["custom_tool_call"]
    call_id: str
    name: str
    input: str
    namespace: Dropped = None
    caller: Dropped = None

    def add_to(self, messages: list[Message]) -> None:
        add_call(messages, self.call_id, self.name, to_json({"input": self.input}).decode())


class CallOutput(Item):
    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str
    output: Content
    name: Dropped = None
    caller: Dropped = None

    def add_to(self, messages: list[Message]) -> None:
        messages.append({"role": "tool", "content": self.output, "tool_call_id": self.call_id})


class ReasoningItem(Item):
    """The template knows of which turns the model should see it. What is encrypted, another server has to read."""

    type: Literal["reasoning"]
    content: Thoughts | None = None
    summary: Thoughts | None = None
    encrypted_content: Dropped = None

    def add_to(self, messages: list[Message]) -> None:
        if text := joined(self.content or self.summary or ()):
            complete(messages, "reasoning", text)


def named(item: object) -> object:
    """What has no type is a message."""
    return {"type": "message"} | item if isinstance(item, dict) and item.get("type") is None else item


KINDS: dict[str, type[WireModel]] = {
    "message": MessageItem, "function_call": FunctionCall, "function_call_output": CallOutput,
    "reasoning": ReasoningItem, "custom_tool_call": CustomToolCall, "custom_tool_call_output": CallOutput,
}  # fmt: skip
Items = Annotated[
    list[Annotated[Item, told_by("type", KINDS), BeforeValidator(named)]],
    Field(min_length=1, fail_fast=True),
    at_most(MOST_ITEMS),
]
ITEMS: TypeAdapter[list[Item]] = TypeAdapter(Items)


def as_items(data: object) -> list[Item]:
    if isinstance(data, str):
        return [MessageItem(type="message", role="user", content=data)]
    if isinstance(data, list):
        return ITEMS.validate_python(data)
    raise PydanticCustomError("input", "Input should be a string or a list of items")


Input = Annotated[list[Item], PlainValidator(as_items, json_schema_input_type=str | Items)]


def to_messages(instructions: str | None, items: Sequence[Item]) -> list[Message]:
    """As vLLM's server makes them."""
    messages: list[Message] = [{"role": "system", "content": instructions}] if instructions else []
    for item in items:
        item.add_to(messages)
    for message in messages:
        message.setdefault("content", "")
    return messages
