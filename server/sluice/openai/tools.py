"""Tools that a model may call, and whether it has to, as OpenAI's clients say it."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from sluice.engine.base import NamedTool, ToolChoice
from sluice.wire.body import Dropped, WireModel, at_most

MOST_TOOLS = 128
"""OpenAI's own limit."""


class FunctionTool(WireModel):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None

    def to_template(self) -> dict[str, Any]:
        """With the fields that vLLM's server gives a template."""
        function: dict[str, Any] = {
            "name": self.name, "description": self.description, "parameters": self.parameters,
        }  # fmt: skip
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}


class Tool(WireModel):
    type: str
    function: FunctionTool | None = None
    cache_control: Dropped = None
    custom: Any = None

    def to_template(self) -> dict[str, Any]:
        if self.type != "function":
            raise PydanticCustomError("tool_type", "Tools of type function are served, and no others")
        if self.function is None:
            raise PydanticCustomError("kind_missing", "missing", {"field": "function"})
        return self.function.to_template()


def as_tool(data: object) -> dict[str, Any]:
    return Tool.model_validate(data).to_template()


Tools = Annotated[
    list[Annotated[dict[str, Any], PlainValidator(as_tool, json_schema_input_type=Tool)]],
    Field(fail_fast=True),
    at_most(MOST_TOOLS),
]
"""As a chat template takes them."""


class NamedFunction(WireModel):
    name: str


class NamedChoice(WireModel):
    type: Literal["function"]
    function: NamedFunction


def as_choice(choice: object) -> ToolChoice:
    if choice == "none" or choice == "auto" or choice == "required":  # noqa: PLR1714 - a type checker learns by it
        return choice
    if isinstance(choice, dict):
        return NamedTool(NamedChoice.model_validate(choice).function.name)
    raise PydanticCustomError("tool_choice", "Input should be none, auto, required, or name a function")


Choice = Annotated[
    Any, PlainValidator(as_choice, json_schema_input_type=Literal["none", "auto", "required"] | NamedChoice)
]
