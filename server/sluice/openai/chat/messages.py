"""A conversation's messages, as OpenAI's clients send them and as a chat template takes them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sluice.wire.body import WireModel, only


class TextPart(WireModel):
    """The only kind of content part that is served."""

    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: Any = None


def as_parts(content: object) -> object:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list):
        return content
    raise PydanticCustomError("content", "Input should be a string or a list of text parts")


Content = Annotated[list[TextPart], Field(min_length=1, fail_fast=True), BeforeValidator(as_parts)]


def join(content: list[TextPart]) -> str:
    """One text, with a line for each part, as vLLM does it."""
    return "\n".join(part.text for part in content)


class PlainMessage(WireModel):
    role: Literal["system", "developer", "user"]
    content: Content
    name: str | None = None

    def to_template(self) -> dict[str, Any]:
        # "developer" is OpenAI's newer word for "system"; models know the old one
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": join(self.content)} | ({"name": self.name} if self.name else {})


class Function(WireModel):
    name: str
    arguments: str


class ToolCall(WireModel):
    id: str
    type: Literal["function"]
    function: Function


class AssistantMessage(WireModel):
    role: Literal["assistant"]
    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: Annotated[Any, only([])] = None
    audio: Annotated[Any, only()] = None
    function_call: Annotated[Any, only()] = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.content is None and self.refusal is None and not self.tool_calls:
            raise PydanticCustomError("empty", "An assistant's message needs content, refusal or tool_calls")
        return self

    def to_template(self) -> dict[str, Any]:
        # templates know no refusals: it is what the assistant said
        content = (self.refusal or "") if self.content is None else join(self.content)
        message: dict[str, Any] = {"role": self.role, "content": content}
        if self.name:
            message["name"] = self.name
        if self.tool_calls:
            message["tool_calls"] = [call.model_dump() for call in self.tool_calls]
        return message


class ToolMessage(WireModel):
    role: Literal["tool"]
    content: Content
    tool_call_id: str
    name: str | None = None

    def to_template(self) -> dict[str, Any]:
        message = {"role": self.role, "content": join(self.content), "tool_call_id": self.tool_call_id}
        return message | ({"name": self.name} if self.name else {})


Message = Annotated[PlainMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]
