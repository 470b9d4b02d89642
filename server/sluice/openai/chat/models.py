"""OpenAI's chat completions on the wire: the request, the answer, and the chunks of a streamed one."""

from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Raw, UnsetType
from pydantic import ConfigDict, Field, JsonValue, model_validator

from sluice.engine.base import NamedTool, ToolChoice
from sluice.errors import InvalidRequest, quoted
from sluice.openai.chat.messages import Message
from sluice.openai.reasons import Reason
from sluice.openai.sampling import MOST_LOGPROBS, Count, GenerationBody
from sluice.openai.tools import Choice, Tools
from sluice.openai.usage import Usage
from sluice.settings import RequestClass
from sluice.wire.answer import Answer
from sluice.wire.body import MOST_FIELDS, Dropped, Whole, at_most, only
from sluice.wire.template_arguments import TemplateArguments

MOST_MESSAGES = 2048
"""OpenAI's own limit."""

EXAMPLE: dict[str, JsonValue] = {
    "model": "demo",
    "stream": True,
    "messages": [{"role": "user", "content": "Count from 1 to 9."}],
}


class ChatCompletionRequest(GenerationBody):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True), at_most(MOST_MESSAGES)]
    max_completion_tokens: Count | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS), Whole] = 0
    chat_template_kwargs: TemplateArguments | None = None

    tools: Tools = Field(default_factory=list)
    tool_choice: Choice = None
    parallel_tool_calls: bool = True
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    include_reasoning: bool = True
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    documents: Annotated[list[Annotated[dict[str, str], at_most(MOST_FIELDS)]], Field(fail_fast=True)] | None = None
    return_prompt_text: bool = False
    service_tier: Literal["auto", "default", "flex"] | None = None

    metadata: Dropped = None
    safety_identifier: Dropped = None
    prompt_cache_key: Dropped = None
    prompt_cache_options: Dropped = None
    prompt_cache_retention: Dropped = None
    media_io_kwargs: Dropped = None
    mm_processor_kwargs: Dropped = None

    # These are not served: only what changes nothing is accepted.
    audio: Annotated[Any, only()] = None
    chat_template: Annotated[Any, only()] = None
    function_call: Annotated[Any, only("none")] = None
    functions: Annotated[Any, only([])] = None
    modalities: Annotated[Any, only(["text"])] = None
    moderation: Annotated[Any, only()] = None
    prediction: Annotated[Any, only()] = None
    store: Annotated[Any, only(False)] = None
    verbosity: Annotated[Any, only()] = None
    web_search_options: Annotated[Any, only()] = None

    @model_validator(mode="after")
    def chat_fields_agree(self) -> Self:
        if self.top_logprobs and not self.logprobs:
            raise InvalidRequest("top_logprobs needs logprobs: true.", param="top_logprobs")
        self.check_tools()
        if (
            self.continue_final_message
            and "add_generation_prompt" in self.model_fields_set
            and self.add_generation_prompt
        ):
            raise InvalidRequest(
                "continue_final_message and add_generation_prompt exclude each other.", param="continue_final_message"
            )
        both = (self.max_tokens, self.max_completion_tokens)
        if None not in both and both[0] != both[1]:
            raise InvalidRequest("max_tokens and max_completion_tokens are two names of one limit.", param="max_tokens")
        return self

    def check_tools(self) -> None:
        """Raises InvalidRequest for a choice among tools that are not there."""
        names = {tool["function"]["name"] for tool in self.tools}
        if self.tool_choice not in (None, "none") and not self.tools:
            raise InvalidRequest("tool_choice needs tools.", param="tool_choice")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.name not in names:
            raise InvalidRequest(f"There is no tool {quoted(self.tool_choice.name)} in tools.", param="tool_choice")

    @property
    def chosen(self) -> ToolChoice:
        return self.tool_choice or ("auto" if self.tools else "none")

    @property
    def template_arguments(self) -> dict[str, Any]:
        """What the template is told, by fields of their own as well; vLLM makes the same of an effort."""
        told = dict(self.chat_template_kwargs or {})
        if self.reasoning_effort is not None:
            told.setdefault("reasoning_effort", self.reasoning_effort)
            told.setdefault("enable_thinking", self.reasoning_effort != "none")
        if self.documents is not None:
            told.setdefault("documents", self.documents)
        if self.continue_final_message:
            told |= {"continue_final_message": True, "add_generation_prompt": False}
        elif not self.add_generation_prompt:
            told["add_generation_prompt"] = False
        return told

    @property
    def wants_logprobs(self) -> bool:
        return self.logprobs

    @property
    def echoed(self) -> str:
        """What of the conversation comes back before the answer: its end, if the assistant has said it."""
        last = self.messages[-1]
        return str(last["content"]) if self.echo and last["role"] == "assistant" else ""

    @property
    def limit(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def limit_name(self) -> str:
        return "max_tokens" if self.max_completion_tokens is None else "max_completion_tokens"

    @property
    def request_class(self) -> RequestClass | None:
        return "batch" if self.service_tier == "flex" else None


class CalledFunction(Answer, kw_only=True):
    name: str | UnsetType = UNSET
    arguments: str


class CalledTool(Answer):
    id: str
    type: Literal["function"]
    function: CalledFunction


class ChatMessage(Answer, kw_only=True):
    role: Literal["assistant"]
    content: str | None
    refusal: None = None
    reasoning: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CalledTool] | UnsetType = UNSET


class ChatChoice(Answer):
    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: Reason | None
    stop_reason: int | str | None
    token_ids: list[int] | None


class ChatCompletion(Answer):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    system_fingerprint: str
    service_tier: Literal["default", "flex"]
    prompt_logprobs: None = None
    prompt_token_ids: list[int] | None = None
    prompt_text: str | None = None


class CalledToolDelta(Answer, kw_only=True):
    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: CalledFunction


class ChatDelta(Answer, kw_only=True):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CalledToolDelta] | UnsetType = UNSET


class ChatChunkChoice(Answer):
    index: int
    delta: ChatDelta
    logprobs: Raw | None
    finish_reason: Reason | None
    stop_reason: int | str | UnsetType | None = UNSET
    token_ids: list[int] | UnsetType = UNSET


class ChatCompletionChunk(Answer):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    prompt_text: str | UnsetType | None = UNSET
