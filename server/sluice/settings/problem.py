"""One mistake in the settings, as a person is told of it."""

from dataclasses import dataclass
from typing import Any

from sluice.settings.file import Place


@dataclass(frozen=True, slots=True)
class Problem:
    """`where`: the file and its line, or the option or variable, with the key. `works`: a value that would do.

    `line`: that of the file, where it was set there.
    """

    where: str
    place: Place
    message: str
    works: Any = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message
