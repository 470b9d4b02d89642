"""Puts the settings together: command line, then environment, then file, then default."""

import difflib
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sluice.errors import SettingsError
from sluice.settings.file import File, Place
from sluice.settings.models import Settings
from sluice.settings.section import Mistake, Section

PREFIX = "SLUICE_"
CONFIG = "SLUICE_CONFIG"
"""Names the file for who has no command line; no setting itself."""


def load(
    path: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    use: Callable[[Settings], object] = lambda settings: None,
) -> Settings:
    """Read the settings. `overrides` are `KEY=VALUE` with dotted keys, their values in YAML.

    `use` is given them, and a Mistake that it raises is told like any other. Raises SettingsError: one line that names
    the key and where it was set.
    """
    file = File(path) if path else None
    variables = from_environment(os.environ if environ is None else environ)
    options = dict(parse_override(text) for text in overrides)
    values: dict[str, Any] = {}
    for layer in (file.values if file else {}, nested(variables), nested(options)):
        values = merged(values, layer)
    try:
        settings = Settings.model_validate(values)
        use(settings)
    except Mistake as mistake:
        raise SettingsError(f"{where(mistake.place, file, variables, options)}: {mistake.message}") from None
    except ValidationError as error:
        mistakes = error.errors()
        unknown = (mistake for mistake in mistakes if mistake["type"] == "extra_forbidden")  # may be why one is missing
        raise SettingsError(describe(next(unknown, mistakes[0]), file, variables, options)) from None
    return settings


def from_environment(environ: Mapping[str, str]) -> dict[Place, Any]:
    """`SLUICE_TRAFFIC__CONCURRENCY=4` → `{("traffic", "concurrency"): 4}`."""
    named = {key: value for key, value in environ.items() if key.startswith(PREFIX) and key != CONFIG}
    return {
        tuple(key.removeprefix(PREFIX).lower().split("__")): parse_value(value, f"environment variable {key}")
        for key, value in named.items()
    }


def parse_override(text: str) -> tuple[Place, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set {text}: write KEY=VALUE, such as --set traffic.concurrency=4")
    return tuple(key.strip().split(".")), parse_value(value, f"--set {key.strip()}")


def parse_value(text: str, source: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{source}: {' '.join(str(error).split())}") from None


def nested(values: Mapping[Place, Any]) -> dict[str, Any]:
    """The same values as a tree of mappings."""
    tree: dict[str, Any] = {}
    for place, value in values.items():
        tree = merged(tree, functools.reduce(lambda below, key: {key: below}, reversed(place), value))
    return tree


def merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """`high` laid over `low`, mapping by mapping."""
    out = dict(low)
    for key, value in high.items():
        below = out.get(key)
        out[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return out


def describe(
    error: ErrorDetails, file: File | None, variables: Mapping[Place, Any], options: Mapping[Place, Any]
) -> str:
    """One line: where it was set, the key, what is wrong, and the nearest key that exists."""
    place = tuple(map(str, error["loc"]))
    cause, message = error.get("ctx", {}).get("error"), error["msg"].removeprefix("Value error, ")
    if isinstance(cause, Mistake):
        place, message = place + cause.place, cause.message
    if error["type"] == "extra_forbidden":
        message = f"there is no such setting{suggestion(place)}"
    return f"{where(place, file, variables, options)}: {message[0].lower()}{message[1:]}"


def where(place: Place, file: File | None, variables: Mapping[Place, Any], options: Mapping[Place, Any]) -> str:
    """Where it was set, and its key."""
    key = ".".join(place)
    if (source := nearest(place, options)) is not None:
        return f"--set {key}" if source[: len(place)] == place else f"--set {'.'.join(source)}: {key}"
    if (source := nearest(place, variables)) is not None:
        name = PREFIX + "__".join(source).upper()
        return f"environment variable {name}" if source == place else f"environment variable {name}: {key}"
    return f"{file.where(place)}: {key}" if file else key


def nearest(place: Place, values: Mapping[Place, Any]) -> Place | None:
    """The one of `values` that sets this place, or something above or below it."""
    return next((p for p in values if place[: len(p)] == p or p[: len(place)] == place), None)


def suggestion(place: Place) -> str:
    close = difflib.get_close_matches(place[-1], list(section(place[:-1]).model_fields), 1)
    return f"; did you mean {'.'.join((*place[:-1], close[0]))}?" if close else ""


def section(place: Place) -> type[Section]:
    """The model of the section at this place; below a list stand the numbers of its items."""
    found: Any = Settings
    for key in place:
        found = get_args(found)[0] if get_origin(found) is list else found.model_fields[key].annotation
    return cast(type[Section], found)
