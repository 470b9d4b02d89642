"""What every section of the settings is, and how it tells of a mistake further in."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Mistake(ValueError):
    """Found by a validator in something below it; `place` leads there from where the validator stands."""

    def __init__(self, message: str, *place: str) -> None:
        super().__init__(message)
        self.place = place
