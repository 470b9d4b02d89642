"""OpenAI's completions on the wire: the request, and the answer; a streamed one has the same form."""

from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Raw, UnsetType
from pydantic import ConfigDict, Field, JsonValue, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from sluice.errors import InvalidRequest
from sluice.openai.reasons import Reason
from sluice.openai.sampling import INT32_MAX, MOST_LOGPROBS, MOST_SEQUENCES, GenerationBody
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
    max_tokens: Annotated[int, Field(ge=0, le=INT32_MAX), Whole] = 16
    logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS), Whole] | None = None
    best_of: Annotated[int, Whole] | None = None

    # These are not served: only what changes nothing is accepted.
    suffix: Annotated[Any, only()] = None
    prompt_embeds: Annotated[Any, only([])] = None

    @property
    def wants_logprobs(self) -> bool:
        return self.logprobs is not None

    @property
    def is_echo_alone(self) -> bool:
        """The prompt is all that is to come back; the engine makes no answer without a token, which is left out."""
        return self.max_tokens == 0

    @property
    def limit(self) -> int:
        return self.max_tokens or 1

    @model_validator(mode="after")
    def no_tokens_need_an_echo(self) -> Self:
        if self.is_echo_alone and not self.echo:
            raise InvalidRequest("max_tokens: 0 needs echo: true.", param="max_tokens")
        if self.is_echo_alone and self.logprob_token_ids:
            raise InvalidRequest("logprob_token_ids needs an answer: max_tokens is 0.", param="logprob_token_ids")
        return self

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
    prompt_logprobs: UnsetType | None = UNSET
    prompt_token_ids: list[int] | UnsetType | None = UNSET
    token_ids: list[int] | UnsetType | None = UNSET


class Completion(Answer):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType = UNSET
