"""A response's tools, and whether one has to be called.

Agents offer tools of kinds that a server would have to run, or that need a form of their own, beside their functions:
these are left out and told as ignored, and the model has one way less. To force one is refused.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from sluice.engine.base import NamedTool, ToolChoice
from sluice.errors import quoted
from sluice.openai import tools
from sluice.wire.body import Dropped, WireModel, at_most, ignore


class FunctionTool(tools.FunctionTool):
    type: Literal["function"]
    allowed_callers: Dropped = None
    async_: Annotated[Dropped, Field(alias="async")] = None
    defer_loading: Dropped = None
    output_schema: Dropped = None


class OtherTool(WireModel):
    """Of which only the kind is read."""

    type: str


def as_tool(data: object) -> FunctionTool | None:
    if isinstance(data, dict) and data.get("type") != "function":
        OtherTool.model_validate({key: data[key] for key in data if key == "type"})
        ignore(data, {"type"})
        return None
    return FunctionTool.model_validate(data)


Offered = Annotated[
    list[Annotated[FunctionTool | None, PlainValidator(as_tool, json_schema_input_type=FunctionTool | OtherTool)]],
    Field(fail_fast=True),
    at_most(tools.MOST_TOOLS),
]
OFFERED: TypeAdapter[list[FunctionTool | None]] = TypeAdapter(Offered)


def as_tools(data: object) -> list[FunctionTool]:
    return [tool for tool in OFFERED.validate_python(data) if tool is not None]


Tools = Annotated[list[FunctionTool], PlainValidator(as_tools, json_schema_input_type=Offered)]


class NamedChoice(WireModel):
    type: Literal["function"]
    name: str


def as_choice(choice: object) -> ToolChoice:
    if isinstance(choice, dict):
        kind = choice.get("type")
        if isinstance(kind, str) and kind != "function":
            raise PydanticCustomError("kind", "Only a function can be forced, and not {kind}", {"kind": quoted(kind)})
        return NamedTool(NamedChoice.model_validate(choice).name)
    return tools.as_choice(choice)


Choice = Annotated[
    Any, PlainValidator(as_choice, json_schema_input_type=Literal["none", "auto", "required"] | NamedChoice)
]
