"""What the objects that are sent have in common."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An object in an answer. A field is sent when it was set, even to null; one that was not set is left out."""

    model_config = ConfigDict(frozen=True)

    def encode(self) -> bytes:
        return self.model_dump_json(exclude_unset=True).encode()
