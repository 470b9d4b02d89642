"""What the objects that are sent have in common."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An object in an answer. A field is sent when it was set, even to null; one that was not set is left out."""

    model_config = ConfigDict(frozen=True)

    def encode(self) -> bytes:
        return self.model_dump_json(exclude_unset=True).encode()


class Head(NamedTuple):
    """The same in every object of one answer; `created` in seconds since 1970."""

    id: str
    created: int
    model: str


class Usage(Answer):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, prompt_tokens: int, completion_tokens: int) -> Self:
        return cls(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
        )
