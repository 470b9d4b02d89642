"""What an answer has to look like, in OpenAI's words, in vLLM's, and in vLLM's older ones."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from sluice.engine.base import Constraint
from sluice.errors import InvalidRequest
from sluice.wire.body import Dropped, WireModel, at_most, told_by

MOST_CHOICES = 1024
OPTIONS = ("disable_any_whitespace", "disable_additional_properties", "whitespace_pattern")
Schema = dict[str, Any] | str
"""JSON schema, as an object or as its text."""


class TextFormat(WireModel):
    type: Literal["text"]


class JsonObjectFormat(WireModel):
    type: Literal["json_object"]

    def constraint(self) -> Constraint:
        return Constraint("json_object", True)


class JsonSchema(WireModel):
    name: str
    description: Dropped = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: Dropped = None


class JsonSchemaFormat(WireModel):
    type: Literal["json_schema"]
    json_schema: JsonSchema

    def constraint(self) -> Constraint:
        return Constraint("json", self.json_schema.schema_)


class StructuralTagFormat(WireModel):
    """vLLM's: `format`, or once `structures` and `triggers`; what they are made of, the grammar's engine knows."""

    type: Literal["structural_tag"]
    format: dict[str, Any] | None = None
    structures: list[dict[str, Any]] | None = None
    triggers: list[str] | None = None

    def constraint(self) -> Constraint:
        return Constraint("structural_tag", json.dumps({name: value for name, value in self if value is not None}))


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat | StructuralTagFormat,
    told_by(
        "type",
        {
            "text": TextFormat, "json_object": JsonObjectFormat, "json_schema": JsonSchemaFormat,
            "structural_tag": StructuralTagFormat,
        },
    ),
]  # fmt: skip


class StructuredOutputs(WireModel):
    """vLLM's, one kind of which is to be given."""

    json_: Annotated[Schema | None, Field(alias="json")] = None
    regex: str | None = None
    choice: Annotated[list[str], Field(min_length=1, fail_fast=True), at_most(MOST_CHOICES)] | None = None
    grammar: str | None = None
    json_object: Literal[True] | None = None
    structural_tag: str | None = None
    disable_any_whitespace: bool = False
    disable_additional_properties: bool = False
    whitespace_pattern: str | None = None

    def kinds(self) -> dict[str, Any]:
        kinds = {
            "json": self.json_, "regex": self.regex, "choice": self.choice, "grammar": self.grammar,
            "json_object": self.json_object, "structural_tag": self.structural_tag,
        }  # fmt: skip
        return {kind: value for kind, value in kinds.items() if value is not None}

    def constraint(self) -> Constraint | None:
        """Raises InvalidRequest for more than one."""
        kinds = self.kinds()
        if len(kinds) != 1:
            raise InvalidRequest(
                "structured_outputs takes one of json, regex, choice, grammar, json_object and structural_tag, and has "
                f"{' and '.join(kinds) or 'none'} of them.",
                param="structured_outputs",
            )
        [(kind, value)] = kinds.items()
        options = {name: getattr(self, name) for name in OPTIONS if getattr(self, name)}
        return Constraint(kind, value, options)  # type: ignore[arg-type]  # kind is one of its words


class Structured(WireModel):
    """The fields of a body that say it. `guided_*`: what vLLM called them before `structured_outputs`."""

    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_json: Schema | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Field(min_length=1, fail_fast=True), at_most(MOST_CHOICES)] | None = None
    guided_grammar: str | None = None
    guided_decoding_backend: Dropped = None
    guided_whitespace_pattern: Dropped = None

    def constraint(self) -> Constraint | None:
        """Raises InvalidRequest if there are several."""
        found = list[tuple[str, Constraint | None]]()
        if self.response_format is not None and not isinstance(self.response_format, TextFormat):
            found.append(("response_format", self.response_format.constraint()))
        if self.structured_outputs is not None:
            found.append(("structured_outputs", self.structured_outputs.constraint()))
        for kind in ("json", "regex", "choice", "grammar"):
            value = getattr(self, f"guided_{kind}")
            if value is not None:
                found.append((f"guided_{kind}", Constraint(kind, value)))
        if len(found) > 1:
            names = " and ".join(name for name, _ in found)
            raise InvalidRequest(f"An answer is held to one thing; {names} are given.", param=found[1][0])
        return found[0][1] if found else None
