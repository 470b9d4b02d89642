"""Puts the settings together: command line, then environment, then file, then default."""

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sluice.errors import SettingsError, shown
from sluice.settings.file import File, Place
from sluice.settings.models import Settings
from sluice.settings.overrides import PREFIX, from_environment, parse_option
from sluice.settings.section import Mistake
from sluice.settings.suggestion import suggestion


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
    sources = Sources(path, overrides, os.environ if environ is None else environ)
    settings = sources.settings()
    with sources.telling():
        use(settings)
    return settings


class Sources:
    """All that is set, and where. `content`: the file's, if it has been read. Raises SettingsError."""

    def __init__(
        self, path: Path | None, overrides: Sequence[str], environ: Mapping[str, str], content: bytes | None = None
    ) -> None:
        self.file = File(path, content) if path else None
        self.variables = from_environment(environ)
        self.options = dict(parse_option(text) for text in overrides)

    def settings(self) -> Settings:
        values: dict[str, Any] = {}
        for layer in (self.file.values if self.file else {}, nested(self.variables), nested(self.options)):
            values = merged(values, layer)
        with self.telling():
            return Settings.model_validate(values)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raises SettingsError for what is found wrong inside: one line that names the key and where it was set."""
        try:
            yield
        except Mistake as mistake:
            raise SettingsError(f"{self.where(mistake.place)}: {mistake.message}") from None
        except ValidationError as error:
            mistakes = error.errors()
            unknown = (each for each in mistakes if each["type"] == "extra_forbidden")  # may be why one is missing
            raise SettingsError(self.describe(next(unknown, mistakes[0]))) from None

    def describe(self, error: ErrorDetails) -> str:
        """One line: where it was set, the key, what is wrong, and the nearest key that exists."""
        place = tuple(map(str, error["loc"]))
        cause, message = error.get("ctx", {}).get("error"), error["msg"].removeprefix("Value error, ")
        if isinstance(cause, Mistake):
            place, message = place + cause.place, cause.message
        if error["type"] == "extra_forbidden":
            message = f"there is no such setting{suggestion(place)}"
        return f"{self.where(place)}: {message[0].lower()}{message[1:]}"

    def where(self, place: Place) -> str:
        """Where it was set, and its key."""
        key = shown(".".join(place))
        if (source := nearest(place, self.options)) is not None:
            return f"--set {key}" if source[: len(place)] == place else f"--set {shown('.'.join(source))}: {key}"
        if (source := nearest(place, self.variables)) is not None:
            name = shown(PREFIX + "__".join(source).upper())
            return f"environment variable {name}" if source == place else f"environment variable {name}: {key}"
        return f"{self.file.where(place)}: {key}" if self.file else key


def nearest(place: Place, values: Mapping[Place, Any]) -> Place | None:
    """The one of `values` that sets this place, or something above or below it."""
    return next((p for p in values if place[: len(p)] == p or p[: len(place)] == place), None)


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
