"""What every object in a request's body has in common, and the fields that are known to OpenAI but not served."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar, Self, Union

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, PydanticKnownError

from sluice.errors import SHOWN_CHARACTERS, InvalidRequest
from sluice.wire.described import Described, bounded, nullable
from sluice.wire.ignored import Unknown, paths
from sluice.wire.structure import check_structure

MOST_FIELDS = 128
"""Keys of an object that knows its keys: of each that it does not know pydantic makes an error."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

SENTENCES = {
    "missing": "{param} is required.",
    "not_served": "{param} is not served.",
    "model_type": "{param} should be an object.",
    "dict_type": "{param} should be an object.",
    "kind_missing": "{param} is required.",
    "kind_unknown": "{param} should be one of {kinds}.",
    "too_many": "{param} has {found} entries: {most} are the most.",
}
"""Error types that are better put in a client's words."""
MOST_SENTENCES = 4
"""Of one refusal: who has made a mistake several times mends it at once."""
UNKNOWN = ContextVar[Unknown | None]("UNKNOWN", default=None)
"""Of the body that is read, wherever in it an object is read."""


class WireModel(BaseModel):
    """An object in a body. Null is the same as not given; nothing is converted (no number from a string or a bool).

    Of a whole body, `ignored` tells the fields that nobody knows, at any depth: dotted paths without indices.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)
    _ignored: tuple[str, ...] = PrivateAttr(())
    _known: ClassVar[frozenset[str]]

    @model_validator(mode="before")
    @classmethod
    def null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        check_length(data, MOST_FIELDS)
        if keys := data.keys() - cls.known():
            ignore(data, keys)
        if None not in data.values():
            return data
        return {key: value for key, value in data.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tells that null is the same as not given."""
        described = handler(schema)
        told = handler.resolve_ref_schema(described)
        for name, field in told.get("properties", {}).items():
            if name not in told.get("required", ()):
                told["properties"][name] = nullable(field)
        return described

    @classmethod
    def known(cls) -> frozenset[str]:
        """The names of its fields in a body."""
        names = cls.__dict__.get("_known")
        if names is None:
            names = frozenset(field.alias or name for name, field in cls.model_fields.items())
            cls._known = names
        return names

    @property
    def ignored(self) -> tuple[str, ...]:
        return self._ignored

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises InvalidRequest; its `param` is the dotted path of the first field that is wrong."""
        data, unknown = decode(body), list[tuple[dict[str, Any], set[str]]]()
        token = UNKNOWN.set(unknown)
        try:
            found = cls.model_validate(data)
        except ValidationError as error:
            raise explain(error.errors(include_url=False, include_input=False), data) from None
        finally:
            UNKNOWN.reset(token)
        if unknown:
            found._ignored = paths(unknown, data)
        return found


def ignore(data: dict[str, Any], keys: set[str]) -> None:
    """Tell of keys in a body that is read that they change nothing."""
    unknown = UNKNOWN.get()
    if unknown is not None:
        unknown.append((data, keys))


def only(*neutral: object) -> Described:
    """Marks a field that is not served: the values that change nothing are accepted, any other is an error."""

    def check(value: object) -> object:
        # True == 1, but they are two values in JSON
        if not any(type(value) is type(each) and value == each for each in neutral):
            raise PydanticCustomError("not_served", "not served")
        return value

    told = {"enum": [None, *neutral], "description": "Not served: only what changes nothing is accepted."}
    return Described(AfterValidator(check), lambda schema: schema | told)


Dropped = Annotated[
    Any, Described(BeforeValidator(lambda _: None), lambda schema: schema | {"description": "Changes nothing."})
]
"""A field that changes no answer: accepted, and forgotten."""


def as_int(number: object) -> object:
    """JSON has one kind of number: 10.0 is 10."""
    return int(number) if type(number) is float and number.is_integer() else number


Whole = BeforeValidator(as_int)
"""For an int."""


def check_length(value: list[Any] | dict[str, Any], most: int) -> None:
    if len(value) > most:
        raise PydanticCustomError("too_many", "too many", {"found": len(value), "most": most})


def at_most(most: int) -> Described:
    """For a list, or an object with keys of the client's own: one that is longer is refused before its entries are."""

    def check(value: Any) -> Any:
        if isinstance(value, list | dict):
            check_length(value, most)
        return value

    return Described(BeforeValidator(check), lambda schema: bounded(schema, most))


def told_by(
    field: str, kinds: Mapping[str, type[WireModel]], otherwise: type[WireModel] | None = None
) -> PlainValidator:
    """For an object of several kinds; which one, its `field` tells. `otherwise`: one of them, for any other word."""

    def read(data: Any) -> WireModel:
        if not isinstance(data, dict):
            raise PydanticKnownError("dict_type")
        told = data.get(field)
        if told is None:
            raise PydanticCustomError("kind_missing", "missing", {"field": field})
        kind = kinds.get(told, otherwise) if isinstance(told, str) else None
        if kind is None:
            raise PydanticCustomError("kind_unknown", "unknown", {"field": field, "kinds": ", ".join(kinds)})
        return kind.model_validate(data)

    # `|` takes no tuple.
    return PlainValidator(read, json_schema_input_type=Union[tuple(kinds.values())])  # noqa: UP007


def decode(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. msgspec refuses NaN, and lone surrogates. Raises InvalidRequest."""
    body = body.removeprefix(BYTE_ORDER_MARK)
    check_structure(body)
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidRequest("The body should be a JSON object.")
    return data


def explain(errors: list[ErrorDetails], data: dict[str, Any]) -> InvalidRequest:
    """The first of pydantic's errors about `data`, and a few more of its kind, for the client."""
    first = errors[0]
    same = [error for error in errors if error["type"] == first["type"]]
    sentences = dict.fromkeys(sentence(error, data) for error in same[:MOST_SENTENCES])
    return InvalidRequest(" ".join(sentences), param=path(first, data) or None)


def sentence(error: ErrorDetails, data: dict[str, Any]) -> str:
    form = SENTENCES.get(error["type"], "{param}: {message}.")
    return form.format(param=path(error, data) or "The body", message=error["msg"], **error.get("ctx", {}))


def path(error: ErrorDetails, data: Any) -> str:
    """Where the error is, in the body's own keys; pydantic has more in its path, such as `[key]`."""
    loc, missing = error["loc"], error["type"] == "missing"
    keys = list[str]()
    for key in loc[:-1] if missing else loc:
        if isinstance(key, int) if isinstance(data, list) else isinstance(data, dict) and key in data:
            data = data[key]
            keys.append(str(key)[:SHOWN_CHARACTERS])
    if missing:
        keys.append(str(loc[-1]))
    keys += error.get("ctx", {}).get("field", "").split()
    return ".".join(keys)[:SHOWN_CHARACTERS]
