"""Puts the settings together: command line, then environment, then file, then default."""

import difflib
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from server.errors import SettingsError
from server.settings.file import File, Place
from server.settings.models import Settings

PREFIX = "SLUICE_"


def load(path: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. `overrides` are `KEY=VALUE` with dotted keys, their values in YAML.

    Raises SettingsError: one line that names the key and where it was set.
    """
    file = File(path) if path else None
    variables = from_environment(os.environ if environ is None else environ)
    options = dict(parse_override(text) for text in overrides)
    values: dict[str, Any] = {}
    for layer in (file.values if file else {}, nested(variables), nested(options)):
        values = merged(values, layer)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(describe(error.errors()[0], file, variables, options)) from None


def from_environment(environ: Mapping[str, str]) -> dict[Place, Any]:
    """`SLUICE_TRAFFIC__CONCURRENCY=4` → `{("traffic", "concurrency"): 4}`."""
    named = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
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
    key = ".".join(place)
    if any(place[: len(p)] == p or p[: len(place)] == place for p in options):
        where = f"--set {key}"
    elif any(place[: len(p)] == p or p[: len(place)] == place for p in variables):
        where = f"environment variable {PREFIX}{'__'.join(place).upper()}"
    else:
        where = f"{file.where(place)}: {key}" if file else key
    if error["type"] == "extra_forbidden":
        return f"{where}: there is no such setting{suggestion(place)}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}"


def suggestion(place: Place) -> str:
    model: type[BaseModel] = Settings
    for key in place[:-1]:
        annotation = model.model_fields[key].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        model = annotation
    close = difflib.get_close_matches(place[-1], list(model.model_fields), 1)
    return f"; did you mean {'.'.join((*place[:-1], close[0]))}?" if close else ""
