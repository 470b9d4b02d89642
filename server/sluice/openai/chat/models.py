"""POST /v1/chat/completions: the request."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sluice.engine.base import Chat, GenerationRequest
from sluice.errors import InvalidRequest
from sluice.openai.chat.messages import Message
from sluice.openai.chat.translation import ChatChunks, chat_completion
from sluice.openai.sampling import Count, GenerationBody
from sluice.wire.answer import Head
from sluice.wire.body import only
from sluice.wire.collected import CollectedDeltas

RESERVED = frozenset(
    {
        "messages", "conversation", "chat_template", "add_generation_prompt", "continue_final_message", "tokenize",
        "padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
        "tokenizer_kwargs",
    }
)  # fmt: skip
"""Arguments of transformers' `apply_chat_template` that are the server's to choose; the rest are the template's."""


def not_reserved(kwargs: dict[str, Any]) -> dict[str, Any]:
    for key in kwargs:
        if key in RESERVED:
            raise PydanticCustomError("reserved", "{key} cannot be set by a request", {"key": key})
    return kwargs


class ChatCompletionRequest(GenerationBody):
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)]
    max_completion_tokens: Count | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0
    chat_template_kwargs: Annotated[dict[str, Any], AfterValidator(not_reserved)] | None = None

    service_tier: Literal["auto", "default", "flex"] | None = None

    # These change no answer: accepted, and dropped.
    metadata: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None

    # These are not served: only what changes nothing is accepted.
    audio: Annotated[Any, only()] = None
    function_call: Annotated[Any, only("none")] = None
    functions: Annotated[Any, only([])] = None
    modalities: Annotated[Any, only(["text"])] = None
    moderation: Annotated[Any, only()] = None
    parallel_tool_calls: Annotated[Any, only()] = None
    prediction: Annotated[Any, only()] = None
    reasoning_effort: Annotated[Any, only()] = None
    response_format: Annotated[Any, only({"type": "text"})] = None
    store: Annotated[Any, only(False)] = None
    tool_choice: Annotated[Any, only("none")] = None
    tools: Annotated[Any, only([])] = None
    verbosity: Annotated[Any, only()] = None
    web_search_options: Annotated[Any, only()] = None

    @model_validator(mode="after")
    def chat_fields_agree(self) -> Self:
        if self.top_logprobs and not self.logprobs:
            raise InvalidRequest("top_logprobs needs logprobs: true.", param="top_logprobs")
        both = (self.max_tokens, self.max_completion_tokens)
        if None not in both and both[0] != both[1]:
            raise InvalidRequest("max_tokens and max_completion_tokens are two names of one limit.", param="max_tokens")
        return self

    @property
    def limit(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def tier(self) -> str | None:
        return self.service_tier

    def to_generation(self, request_id: str) -> GenerationRequest:
        chat = Chat([message.to_template() for message in self.messages], self.chat_template_kwargs or {})
        sampling = self.sampling(self.top_logprobs if self.logprobs else None)
        return GenerationRequest(request_id, (chat,), sampling, self.n)

    def chunks(self, request_id: str, created: int) -> ChatChunks:
        return ChatChunks(Head(request_id, created, self.model), self.include_usage, self.n, self.top_logprobs)

    def response(
        self, request_id: str, created: int, sequences: Sequence[CollectedDeltas], prompt_tokens: int
    ) -> bytes:
        return chat_completion(Head(request_id, created, self.model), sequences, prompt_tokens, self.top_logprobs)
