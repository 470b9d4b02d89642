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
from sluice.settings.problem import Problem
from sluice.settings.section import Mistake
from sluice.settings.suggestion import suggestion, working


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
    """All that is set, and where. `content`: the file's, if it is read. Raises SettingsError for what is not YAML."""

    def __init__(
        self, path: Path | None, overrides: Sequence[str], environ: Mapping[str, str], content: bytes | None = None
    ) -> None:
        self.file = File(path, content) if path else None
        self.variables = from_environment(environ)
        self.options = dict(parse_option(text) for text in overrides)

    def values(self) -> dict[str, Any]:
        """All layers laid over each other."""
        values: dict[str, Any] = {}
        for layer in (self.file.values if self.file else {}, nested(self.variables), nested(self.options)):
            values = merged(values, layer)
        return values

    def settings(self) -> Settings:
        """Raises SettingsError for the first mistake."""
        for problem in self.set_twice():
            raise SettingsError(str(problem))
        with self.telling():
            return Settings.model_validate(self.values())

    def tried(self) -> tuple[Settings | None, list[Problem]]:
        """All mistakes that can be found, and the settings without what is mistaken, if that makes any."""
        problems, values = list(self.set_twice()), self.values()
        while True:
            try:
                return Settings.model_validate(values), problems
            except ValidationError as error:
                found = [self.problem(each) for each in error.errors()]
            problems += found
            smaller = functools.reduce(without, (problem.place for problem in found), values)
            if smaller == values:
                return None, problems
            values = smaller

    def set_twice(self) -> Iterator[Problem]:
        for twice in self.file.twice if self.file else ():
            where = f"{self.file.path}:{twice.line}" if self.file else ""
            key = shown(".".join(twice.place))
            yield Problem(where, twice.place, f"{key} is set twice (first in line {twice.first})", line=twice.line)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raises SettingsError for what is found wrong inside: one line that names the key and where it was set."""
        try:
            yield
        except Mistake as mistake:
            raise SettingsError(str(self.told(mistake))) from None
        except ValidationError as error:
            mistakes = error.errors()
            unknown = (each for each in mistakes if each["type"] == "extra_forbidden")  # may be why one is missing
            raise SettingsError(str(self.problem(next(unknown, mistakes[0])))) from None

    def told(self, mistake: Mistake) -> Problem:
        place = mistake.place
        elsewhere = nearest(place, self.options) or nearest(place, self.variables)
        line = self.file.line(place) if self.file and elsewhere is None else None
        return Problem(self.where(place), place, mistake.message, mistake.works, line)

    def problem(self, error: ErrorDetails) -> Problem:
        """Where it was set, what is wrong, and the nearest key that exists, or a value that would do."""
        place = tuple(map(str, error["loc"]))
        cause, message = error.get("ctx", {}).get("error"), error["msg"].removeprefix("Value error, ")
        message = f"{message[0].lower()}{message[1:]}"
        if isinstance(cause, Mistake):
            cause.place = (*place, *cause.place)
            return self.told(cause)
        if error["type"] == "extra_forbidden":
            return self.told(Mistake(f"there is no such setting{suggestion(place)}", *place))
        return self.told(Mistake(message, *place, works=working(place, error)))

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


def without(values: dict[str, Any], place: Place) -> dict[str, Any]:
    """The same values, but for what is set at this place; of a list nothing is left, or its items would have moved."""
    if not place or place[0] not in values:
        return values
    below = values[place[0]]
    rest = {key: value for key, value in values.items() if key != place[0]}
    if len(place) > 1 and isinstance(below, dict) and place[1] in below:
        return rest | {place[0]: without(below, place[1:])}
    return rest
