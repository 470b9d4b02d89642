"""What every section of the settings is, and how it tells of a mistake further in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from sluice.errors import SettingsError

MOST = 10**12
"""No number of the settings is larger: computing with it has to work."""


class Section(BaseModel):
    """A text is no number here, nor is `true`, nor are infinity and NaN."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*")
    @classmethod
    def no_absurd_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and value > MOST:
            raise ValueError(f"input should be less than or equal to {MOST:,}")
        return value


class Mistake(SettingsError, ValueError):
    """Found in something below where one looks; `place` leads there. `works`: a value that would do in its place."""

    def __init__(self, message: str, *place: str, works: Any = None) -> None:
        self.message = message if works is None else f"{message}; {json.dumps(works)} would work"
        super().__init__(f"{'.'.join(place)}: {self.message}")
        self.place, self.works = place, works


@contextmanager
def collecting(mistakes: list[Mistake]) -> Iterator[None]:
    """What is found wrong inside ends that, and is one more of them."""
    try:
        yield
    except Mistake as mistake:
        mistakes.append(mistake)
