"""What every section of the settings is, and how it tells of a mistake further in."""

from pydantic import BaseModel, ConfigDict

from sluice.errors import SettingsError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Mistake(SettingsError, ValueError):
    """Found in something below where one looks; `place` leads there."""

    def __init__(self, message: str, *place: str) -> None:
        super().__init__(f"{'.'.join(place)}: {message}")
        self.message, self.place = message, place
