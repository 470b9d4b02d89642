"""A validator of a field that the API's description tells of."""

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Described:
    """Goes into an Annotated. `tell` gets what is said of the field without it, as JSON schema, and says more."""

    def __init__(
        self, validator: BeforeValidator | AfterValidator, tell: Callable[[JsonSchemaValue], JsonSchemaValue]
    ) -> None:
        self.validator, self.tell = validator, tell

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.validator.__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.tell(handler(schema))


def bounded(schema: JsonSchemaValue, most: int) -> JsonSchemaValue:
    """A list or an object has so many entries at most."""
    bound = {"array": "maxItems", "object": "maxProperties"}.get(schema.get("type", ""))
    choices = {"anyOf": [bounded(each, most) for each in schema["anyOf"]]} if "anyOf" in schema else {}
    return schema | choices | ({bound: most} if bound else {})


ONE_OR_MORE = Described(
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    lambda schema: {"anyOf": [schema["items"], schema]},
)
"""Marks a list of texts in the place of which one text may stand."""
ABOUT = ("title", "description", "default", "examples", "deprecated")
"""What a schema says of a field, and not of its values."""


def nullable(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The same, and null, too."""
    null = {"type": "null"}
    if null in schema.get("anyOf", ()) or None in schema.get("enum", ()) or not schema.keys() - set(ABOUT):
        return schema
    about = {key: value for key, value in schema.items() if key in ABOUT}
    values = {key: value for key, value in schema.items() if key not in ABOUT}
    choices = values["anyOf"] if values.keys() == {"anyOf"} else [values]
    return {"anyOf": [*choices, null]} | about
