"""What every object in a request's body has in common, and the fields that are known to OpenAI but not served."""

from typing import Any, Self

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from sluice.errors import InvalidRequest

LONGEST_PARAM = 200  # characters; a client may put anything into a key

SENTENCES = {
    "missing": "{param} is required.",
    "extra_forbidden": "{param} is not a known field.",
    "not_served": "{param} is not served.",
    "model_type": "{param} should be an object.",
    "model_attributes_type": "{param} should be an object.",
    "dict_type": "{param} should be an object.",
    "union_tag_not_found": "{param} is required.",
    "union_tag_invalid": "{param} should be one of {expected_tags}.",
}
"""pydantic's error types that are better put in a client's words."""


class WireModel(BaseModel):
    """An object in a body. Null is the same as not given; nothing is converted (no number from a string or a bool)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises InvalidRequest; its `param` is the dotted path of the first field that is wrong."""
        data = decode(body)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(error.errors(include_url=False, include_input=False)[0], data) from None


def only(*neutral: object) -> AfterValidator:
    """Marks a field that is not served: the values that change nothing are accepted, any other is an error."""

    def check(value: object) -> object:
        # True == 1, but they are two values in JSON
        if not any(type(value) is type(each) and value == each for each in neutral):
            raise PydanticCustomError("not_served", "not served")
        return value

    return AfterValidator(check)


def decode(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. msgspec refuses NaN, lone surrogates and what is nested beyond Python's stack."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None
    if not isinstance(data, dict):
        raise InvalidRequest("The body should be a JSON object.")
    return data


def explain(error: ErrorDetails, data: dict[str, Any]) -> InvalidRequest:
    """One of pydantic's errors about `data`, for the client."""
    kind, param = error["type"], path(error, data)
    sentence = SENTENCES.get(kind, "{param}: {message}.")
    message = sentence.format(param=param, message=error["msg"], **error.get("ctx", {}))
    return InvalidRequest(message, param=param)


def path(error: ErrorDetails, data: Any) -> str:
    """Where the error is, in the body's own keys; pydantic also names members of unions, which are not in the body."""
    loc, missing = error["loc"], error["type"] == "missing"
    keys = list[str]()
    for key in loc[:-1] if missing else loc:
        inside = children(data)
        if key in inside:
            data = inside[key]
            keys.append(str(key))
    if missing:
        keys.append(str(loc[-1]))
    elif error["type"].startswith("union_tag"):
        keys.append(error["ctx"]["discriminator"].strip("'"))
    return ".".join(keys)[:LONGEST_PARAM]


def children(data: Any) -> dict[int | str, Any]:
    return dict(enumerate(data)) if isinstance(data, list) else data if isinstance(data, dict) else {}
