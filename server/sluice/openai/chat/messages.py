"""A conversation's messages, as OpenAI's clients send them and as a chat template takes them.

Clients put back into it what they have had as an answer, from whatever server: what changes nothing is dropped.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from sluice.wire.body import Dropped, WireModel, at_most, only, told_by

MOST_PARTS = 1024
"""Of one message's content."""
MOST_CALLS = 128
"""Tool calls in one message; OpenAI's own limit."""


class TextPart(WireModel):
    """The kind of content part that is served."""

    type: Literal["text"]
    text: str
    annotations: Dropped = None
    cache_control: Dropped = None
    prompt_cache_breakpoint: Dropped = None


class RefusalPart(WireModel):
    """What an assistant has said, in another place."""

    type: Literal["refusal"]
    refusal: str
    cache_control: Dropped = None

    @property
    def text(self) -> str:
        return self.refusal


Part = Annotated[TextPart | RefusalPart, told_by("type", {"text": TextPart, "refusal": RefusalPart})]


PARTS = TypeAdapter(Annotated[list[Part], Field(fail_fast=True), at_most(MOST_PARTS)])


def as_text(content: object) -> str:
    """One text, with a line for each part, as vLLM does it."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part.text for part in PARTS.validate_python(content))
    raise PydanticCustomError("content", "Input should be a string or a list of text parts")


Content = Annotated[str, PlainValidator(as_text, json_schema_input_type=str | list[Part])]


class Spoken(WireModel, ABC):
    """What all messages have in common."""

    name: str | None = None
    id: Dropped = None
    cache_control: Dropped = None

    def named(self) -> dict[str, Any]:
        return {"name": self.name} if self.name else {}

    @abstractmethod
    def to_template(self) -> dict[str, Any]: ...


class PlainMessage(Spoken):
    role: Literal["system", "developer", "user"]
    content: Content

    def to_template(self) -> dict[str, Any]:
        # "developer" is OpenAI's newer word for "system"; models know the old one
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": self.content} | self.named()


class Function(WireModel):
    name: str
    arguments: str
    parsed_arguments: Dropped = None

    def to_template(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": self.arguments}


class ToolCall(WireModel):
    id: str
    type: Literal["function"]
    function: Function
    index: Dropped = None
    cache_control: Dropped = None
    provider_specific_fields: Dropped = None

    def to_template(self) -> dict[str, Any]:
        return {"id": self.id, "type": self.type, "function": self.function.to_template()}


class AssistantMessage(Spoken):
    """Reasoning is handed to the template, which knows of which turns the model should see it.

    It may say nothing: an answer that was cut in its reasoning has no content, and clients send it back without that.
    """

    role: Literal["assistant"]
    content: Content | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: Annotated[list[ToolCall], Field(fail_fast=True), at_most(MOST_CALLS)] | None = None
    annotations: Dropped = None
    parsed: Dropped = None
    provider_specific_fields: Dropped = None
    reasoning_details: Dropped = None
    thinking_blocks: Dropped = None
    audio: Annotated[Any, only()] = None
    function_call: Annotated[Any, only()] = None

    def to_template(self) -> dict[str, Any]:
        # templates know no refusals: it is what the assistant said
        content = (self.refusal or "") if self.content is None else self.content
        message: dict[str, Any] = {"role": self.role, "content": content} | self.named()
        if reasoning := self.reasoning or self.reasoning_content:
            message["reasoning"] = reasoning
        if self.tool_calls:
            message["tool_calls"] = [call.to_template() for call in self.tool_calls]
        return message


class ToolMessage(Spoken):
    role: Literal["tool"]
    content: Content
    tool_call_id: str

    def to_template(self) -> dict[str, Any]:
        return {"role": self.role, "content": self.content, "tool_call_id": self.tool_call_id} | self.named()


Message = Annotated[
    dict[str, Any],
    told_by(
        "role",
        {
            "system": PlainMessage, "developer": PlainMessage, "user": PlainMessage,
            "assistant": AssistantMessage, "tool": ToolMessage,
        },
    ),
    AfterValidator(lambda message: message.to_template()),
]  # fmt: skip
"""As a chat template takes it."""
