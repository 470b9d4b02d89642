"""The setting that somebody may have meant."""

import difflib
from collections.abc import Iterator
from typing import Any, cast, get_args, get_origin

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
