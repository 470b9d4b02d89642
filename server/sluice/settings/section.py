"""What every section of the settings is, and how it tells of a mistake further in."""

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
    """Found in something below where one looks; `place` leads there."""

    def __init__(self, message: str, *place: str) -> None:
        super().__init__(f"{'.'.join(place)}: {message}")
        self.message, self.place = message, place
