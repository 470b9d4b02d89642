"""What all of OpenAI's answers tell: whose they are, and what they cost."""

from typing import NamedTuple, Self

from sluice.wire.answer import Answer
from sluice.wire.endpoint import Totals


class Head(NamedTuple):
    """The same in every object of one answer; `created` in seconds since 1970."""

    id: str
    created: int
    model: str


class PromptTokensDetails(Answer):
    cached_tokens: int
    cache_write_tokens: int


class CompletionTokensDetails(Answer):
    reasoning_tokens: int


class Usage(Answer):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails

    @classmethod
    def of(cls, totals: Totals) -> Self:
        return cls(
            prompt_tokens=totals.prompt,
            completion_tokens=totals.completion,
            total_tokens=totals.prompt + totals.completion,
            prompt_tokens_details=PromptTokensDetails(totals.cached, totals.written),
            completion_tokens_details=CompletionTokensDetails(reasoning_tokens=totals.reasoning),
        )
