"""Tools that a model may call, and whether it has to, as Anthropic's clients say it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from sluice.engine.base import NamedTool, ToolChoice
from sluice.wire.body import Dropped, WireModel, at_most, only

MOST_TOOLS = 1024
CHOICES: dict[str, ToolChoice] = {"auto": "auto", "any": "required", "none": "none"}


class Tool(WireModel):
    """One of the client's own. Others run at Anthropic, or have schemas that only its models know."""

    type: Literal["custom"] = "custom"
    name: Annotated[str, Field(min_length=1, max_length=256)]
    description: str | None = None
    input_schema: dict[str, Any]
    strict: bool | None = None
    defer_loading: Annotated[Any, only(False)] = None
    cache_control: Dropped = None
    allowed_callers: Dropped = None
    eager_input_streaming: Dropped = None
    input_examples: Dropped = None

    @model_validator(mode="before")
    @classmethod
    def is_of_the_client(cls, data: Any) -> Any:
        """Before its other fields, which are not those of a tool of the client's. A type may be anything here."""
        if isinstance(data, dict) and data.get("type") not in (None, "custom"):
            raise PydanticCustomError(
                "tool_type", "Tools of the client's own (type custom) are served, and no others", {"field": "type"}
            )
        return data

    def to_template(self) -> dict[str, Any]:
        """As vLLM's server gives it to one."""
        function: dict[str, Any] = {
            "name": self.name, "description": self.description, "parameters": {"type": "object"} | self.input_schema,
        }  # fmt: skip
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}


Tools = Annotated[
    list[
        Annotated[
            dict[str, Any],
            PlainValidator(lambda data: Tool.model_validate(data).to_template(), json_schema_input_type=Tool),
        ]
    ],
    Field(fail_fast=True),
    at_most(MOST_TOOLS),
]
"""As a chat template takes them."""


class Choice(WireModel):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False

    @model_validator(mode="after")
    def names_its_tool(self) -> Self:
        if self.type == "tool" and self.name is None:
            raise PydanticCustomError("kind_missing", "missing", {"field": "name"})
        return self

    @property
    def chosen(self) -> ToolChoice:
        return CHOICES[self.type] if self.name is None or self.type != "tool" else NamedTool(self.name)
