"""What all of OpenAI's answers tell: whose they are, and what they cost."""

from typing import NamedTuple, Self

from sluice.wire.answer import Answer


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
