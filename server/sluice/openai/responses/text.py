"""The form of a response's text."""

from typing import Annotated, Any, Literal

from pydantic import Field

from sluice.engine.base import Constraint
from sluice.openai.structured import JsonObjectFormat, TextFormat
from sluice.wire.body import WireModel, told_by


class JsonSchemaFormat(WireModel):
    type: Literal["json_schema"]
    name: str
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None

    def constraint(self) -> Constraint:
        return Constraint("json", self.schema_)


Format = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat,
    told_by("type", {"text": TextFormat, "json_object": JsonObjectFormat, "json_schema": JsonSchemaFormat}),
]


class TextConfig(WireModel):
    """`verbosity` is a word for OpenAI's own models, and others do not hear it."""

    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] = "medium"

    def constraint(self) -> Constraint | None:
        return None if self.format is None or isinstance(self.format, TextFormat) else self.format.constraint()

    def echo(self) -> dict[str, Any]:
        form = self.format.model_dump(by_alias=True) if self.format else {"type": "text"}
        return {"format": form, "verbosity": self.verbosity}
