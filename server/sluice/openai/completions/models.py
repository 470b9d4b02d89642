"""OpenAI's completions on the wire: the request, and the answer; a streamed one has the same form."""

from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Raw, UnsetType
from pydantic import ConfigDict, Field, JsonValue, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from sluice.errors import InvalidRequest
from sluice.openai.reasons import Reason
from sluice.openai.sampling import INT32_MAX, MOST_SEQUENCES, Count, GenerationBody
from sluice.openai.usage import Usage
from sluice.wire.answer import Answer
from sluice.wire.body import Whole, as_int, check_length, only


def as_tokens(prompt: object) -> list[int] | None:
    """None if it is no list of token ids."""
    if not isinstance(prompt, list) or not prompt:
        return None
    ids: list[Any] = prompt if set(map(type, prompt)) == {int} else list(map(as_int, prompt))  # true is no token
    return ids if set(map(type, ids)) == {int} and min(ids) >= 0 and max(ids) <= INT32_MAX else None


def as_prompts(prompt: object) -> list[str] | list[list[int]]:
    """One prompt becomes a list of one."""
    if isinstance(prompt, str):
        return [prompt]
    if (tokens := as_tokens(prompt)) is not None:
        return [tokens]
    if isinstance(prompt, list) and prompt:
        check_length(prompt, MOST_SEQUENCES)
        if all(isinstance(each, str) for each in prompt):
            return prompt
        lists = [tokens for each in prompt if (tokens := as_tokens(each)) is not None]
        if len(lists) == len(prompt):
            return lists
    raise PydanticCustomError(
        "prompt", "Input should be a text, a list of token ids, or a list of either, and not be empty"
    )


Prompts = Annotated[
    list[str] | list[list[int]],
    PlainValidator(as_prompts, json_schema_input_type=str | list[str] | list[int] | list[list[int]]),
]


EXAMPLE: dict[str, JsonValue] = {"model": "demo", "prompt": "Count from 1 to 9.", "max_tokens": 20}


class CompletionRequest(GenerationBody):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    prompt: Prompts
    max_tokens: Count = 16
    logprobs: Annotated[int, Field(ge=0, le=20), Whole] | None = None
    best_of: Annotated[int, Whole] | None = None

    # These are not served: only what changes nothing is accepted.
    echo: Annotated[Any, only(False)] = None
    suffix: Annotated[Any, only()] = None

    @model_validator(mode="after")
    def best_of_is_n(self) -> Self:
        if self.best_of not in (None, self.n):
            raise InvalidRequest("best_of is not served.", param="best_of")
        return self

    @model_validator(mode="after")
    def few_sequences(self) -> Self:
        sequences = len(self.prompt) * self.n
        if sequences > MOST_SEQUENCES:
            raise InvalidRequest(
                f"{len(self.prompt)} prompts × n make {sequences} sequences: {MOST_SEQUENCES} are the most of one "
                "request.",
                param="n",
            )
        return self


class CompletionChoice(Answer):
    index: int
    text: str
    logprobs: Raw | None
    finish_reason: Reason | None
    stop_reason: int | str | UnsetType | None = UNSET


class Completion(Answer):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType = UNSET
