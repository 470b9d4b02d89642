"""vLLM's `/tokenize` and `/detokenize` on the wire."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from sluice.engine.base import Chat, Tokenizing
from sluice.errors import InvalidRequest
from sluice.openai.chat.messages import Message
from sluice.openai.chat.models import MOST_MESSAGES
from sluice.openai.chat.templated import Templated
from sluice.wire.answer import Answer
from sluice.wire.body import Dropped, Whole, WireModel, at_most, only

PROMPT: dict[str, JsonValue] = {"model": "demo", "prompt": "Count from 1 to 9."}
TOKENS: dict[str, JsonValue] = {"model": "demo", "tokens": [40, 50, 60]}


class TokenizeRequest(Templated):
    """A text, or a conversation. `add_special_tokens`: by default those of a text, as a template writes its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROMPT]})

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True), at_most(MOST_MESSAGES)] | None = None
    add_special_tokens: bool | None = None
    return_token_strs: bool = False

    # These are not served: only what changes nothing is accepted.
    chat_template: Annotated[Any, only()] = None
    media_io_kwargs: Dropped = None
    mm_processor_kwargs: Dropped = None

    @model_validator(mode="after")
    def has_one_of_them(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise InvalidRequest("Either prompt or messages has to be given.", param="prompt")
        return self

    @property
    def prompted(self) -> Chat | str:
        if self.prompt is not None:
            return self.prompt
        assert self.messages is not None
        return Chat(self.messages, self.template_arguments, self.tools)

    @property
    def tokenizing(self) -> Tokenizing:
        return Tokenizing(self.add_special_tokens)


class Tokenized(Answer):
    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | None


class DetokenizeRequest(WireModel):
    model_config = ConfigDict(json_schema_extra={"examples": [TOKENS]})

    model: str | None = None
    tokens: Annotated[list[Annotated[int, Field(ge=0), Whole]], Field(fail_fast=True)]


class Detokenized(Answer):
    prompt: str
