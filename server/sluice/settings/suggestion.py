"""The setting that somebody may have meant, and a value that would do."""

import difflib
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast, get_args, get_origin

import yaml
from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from sluice.settings.document import LONGEST_NUMBER, Document
from sluice.settings.file import Place
from sluice.settings.models import Settings
from sluice.settings.section import Section


def suggestion(place: Place) -> str:
    """The nearest name in its section, else the same one in another; perhaps nothing."""
    here = section(place[:-1])
    close = [(*place[:-1], name) for name in difflib.get_close_matches(place[-1], list(here.model_fields), 1)]
    close += [other for other in names(Settings) if other[-1] == place[-1]]
    return f"; did you mean {'.'.join(close[0])}?" if close else ""


def names(within: type[Section], above: Place = ()) -> Iterator[Place]:
    """All settings, but those of lists."""
    for name, field in within.model_fields.items():
        yield (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from names(field.annotation, (*above, name))


def section(place: Place) -> type[Section]:
    """The model of the section at this place; below a list stand the numbers of its items."""
    found: Any = Settings
    for key in place:
        found = get_args(found)[0] if get_origin(found) is list else found.model_fields[key].annotation
    return cast(type[Section], found)


def working(place: Place, error: ErrorDetails) -> Any:
    """A value that the setting takes: what was written, as it may have been meant, a bound, or the default."""
    try:
        field = section(place[:-1]).model_fields[place[-1]]
    except (AttributeError, IndexError, LookupError):  # an item of a list, or a whole section
        return None
    return next((value for value in candidates(field, error) if value is not None and takes(field, value)), None)


def candidates(field: FieldInfo, error: ErrorDetails) -> Iterator[Any]:
    written, context = error["input"], error.get("ctx", {})
    if isinstance(written, str):
        if len(written) <= LONGEST_NUMBER:
            with suppress(yaml.YAMLError):
                yield Document(written).value()
        yield from difflib.get_close_matches(
            written, [each for each in get_args(field.annotation) if isinstance(each, str)]
        )
    if isinstance(written, float) and math.isfinite(written):
        yield int(written)
    if isinstance(written, int | float):
        yield str(written)
    yield context.get("ge")
    yield context.get("le")
    yield None if field.default is PydanticUndefined else field.default


def takes(field: FieldInfo, value: Any) -> bool:
    try:
        one: type[Section] = create_model("One", __base__=Section, value=(cast(Any, field.annotation), field))
        one.model_validate({"value": value})
    except ValidationError:
        return False
    return True
