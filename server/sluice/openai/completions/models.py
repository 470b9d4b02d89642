"""OpenAI's completions on the wire: the request, and the answer; a streamed one has the same form."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluice.engine.base import FinishReason
from sluice.errors import InvalidRequest
from sluice.openai.logprobs import CompletionLogprobs
from sluice.openai.sampling import INT32_MAX, Count, GenerationBody
from sluice.openai.usage import Usage
from sluice.wire.answer import Answer
from sluice.wire.body import only


def is_text(prompt: object) -> bool:
    return isinstance(prompt, str)


def is_tokens(prompt: object) -> bool:
    # type() and not isinstance(): true is no token
    return isinstance(prompt, list) and prompt != [] and all(type(t) is int and 0 <= t <= INT32_MAX for t in prompt)


EXAMPLE: dict[str, JsonValue] = {"model": "demo", "prompt": "Count from 1 to 9.", "max_tokens": 20}


class CompletionRequest(GenerationBody):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    prompt: list[str] | list[list[int]]
    max_tokens: Count = 16
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    best_of: int | None = None

    # These are not served: only what changes nothing is accepted.
    echo: Annotated[Any, only(False)] = None
    suffix: Annotated[Any, only()] = None

    @field_validator("prompt", mode="before")
    @classmethod
    def as_prompts(cls, prompt: object) -> object:
        """One prompt becomes a list of one."""
        prompts = [prompt] if isinstance(prompt, str) or is_tokens(prompt) else prompt
        if isinstance(prompts, list) and prompts and (all(map(is_text, prompts)) or all(map(is_tokens, prompts))):
            return prompts
        raise PydanticCustomError(
            "prompt", "Input should be a text, a list of token ids, or a list of either, and not be empty"
        )

    @model_validator(mode="after")
    def best_of_is_n(self) -> Self:
        if self.best_of not in (None, self.n):
            raise InvalidRequest("best_of is not served.", param="best_of")
        return self


class CompletionChoice(Answer):
    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class Completion(Answer):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None
