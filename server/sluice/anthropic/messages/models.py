"""Anthropic's messages on the wire: the requests."""

from functools import cached_property
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from sluice.anthropic.messages.blocks import Texts, system_text
from sluice.anthropic.messages.conversation import Message
from sluice.anthropic.messages.tools import Choice, Tools
from sluice.engine.base import Chat, Constraint, NamedTool, ToolChoice
from sluice.errors import InvalidRequest, quoted
from sluice.settings import RequestClass
from sluice.wire.body import Dropped, Whole, WireModel, at_most, only
from sluice.wire.template_arguments import TemplateArguments

INT32_MAX = 2**31 - 1
MOST_MESSAGES = 8192
MOST_STOPS, LONGEST_STOP = 16, 256
"""Texts, and characters of one: all are looked for after each token."""

StopText = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]


class Thinking(WireModel):
    """`budget_tokens` ends the thoughts of a model whose reasoning can be told; others are not held to it."""

    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Annotated[int, Field(ge=1, le=INT32_MAX), Whole] | None = None
    display: Dropped = None


class Format(WireModel):
    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    name: Dropped = None


class OutputConfig(WireModel):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None
    task_budget: Dropped = None


EXAMPLE: dict[str, JsonValue] = {
    "model": "demo",
    "messages": [{"role": "user", "content": "Count from 1 to 9."}],
}


class CountTokensRequest(WireModel):
    """A conversation. What is asked for beside it is in MessagesRequest."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: str
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True), at_most(MOST_MESSAGES)]
    system: Texts = Field(default_factory=list)
    tools: Tools = Field(default_factory=list)
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Format | None = None
    chat_template_kwargs: TemplateArguments | None = None

    billing_policy: Dropped = None
    cache_control: Dropped = None
    context_management: Dropped = None
    speed: Dropped = None
    user_profile_id: Dropped = None
    workspace_id: Dropped = None

    # These are not served: only what changes nothing is accepted.
    compaction: Annotated[Any, only()] = None
    mcp_servers: Annotated[Any, only([])] = None

    @model_validator(mode="after")
    def fields_agree(self) -> Self:
        """Raises InvalidRequest for a choice among tools that are not there, and for thinking within an answer."""
        names = {tool["function"]["name"] for tool in self.tools}
        if self.tool_choice is not None and self.tool_choice.type != "none" and not self.tools:
            raise InvalidRequest("tool_choice needs tools.", param="tool_choice")
        if isinstance(self.chosen, NamedTool) and self.chosen.name not in names:
            raise InvalidRequest(f"There is no tool {quoted(self.chosen.name)} in tools.", param="tool_choice.name")
        if self.continues and "tool_calls" in self.conversation[-1]:
            raise InvalidRequest("The last message calls tools: their results should follow.", param="messages")
        if self.continues and self.thinking is not None and self.thinking.type != "disabled":
            raise InvalidRequest(
                "An answer that the last message begins cannot be thought about first: end messages with one of the "
                "user's, or set thinking to disabled.",
                param="thinking",
            )
        return self

    @cached_property
    def conversation(self) -> list[dict[str, Any]]:
        """As a template takes it; an assistant's message that says nothing is no beginning of an answer."""
        messages = list(chain.from_iterable(self.messages))
        if messages and messages[-1] == {"role": "assistant", "content": ""}:
            messages.pop()
        if text := system_text(self.system):
            messages.insert(0, {"role": "system", "content": text})
        return messages

    @property
    def continues(self) -> bool:
        """Whether the last message is the beginning of the answer."""
        return bool(self.conversation) and self.conversation[-1]["role"] == "assistant"

    @property
    def chosen(self) -> ToolChoice:
        if self.tool_choice is None:
            return "auto" if self.tools else "none"
        return self.tool_choice.chosen

    @property
    def template_arguments(self) -> dict[str, Any]:
        told = dict(self.chat_template_kwargs or {})
        if self.thinking is not None:
            told.setdefault("enable_thinking", self.thinking.type != "disabled")
        if self.output_config is not None and self.output_config.effort is not None:
            told.setdefault("reasoning_effort", self.output_config.effort)
        if self.continues:
            told |= {"continue_final_message": True, "add_generation_prompt": False, "enable_thinking": False}
        return told

    @property
    def chat(self) -> Chat:
        in_parallel = self.tool_choice is None or not self.tool_choice.disable_parallel_tool_use
        return Chat(
            self.conversation, self.template_arguments, self.tools, self.chosen, in_parallel,
            thinking_budget=self.thinking_budget,
        )  # fmt: skip

    @property
    def thinking_budget(self) -> int | None:
        return None if self.thinking is None else self.thinking.budget_tokens

    @property
    def constraint(self) -> Constraint | None:
        wanted = self.output_format if self.output_config is None else self.output_config.format or self.output_format
        return None if wanted is None else Constraint("json", wanted.schema_)


class MessagesRequest(CountTokensRequest):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE | {"max_tokens": 100, "stream": True}]})

    max_tokens: Annotated[int, Field(ge=1, le=INT32_MAX), Whole]
    stream: bool = False
    stop_sequences: Annotated[list[StopText], Field(fail_fast=True), at_most(MOST_STOPS)] = Field(default_factory=list)
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=INT32_MAX), Whole] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    cache_salt: Annotated[str, Field(min_length=1, max_length=1024)] | None = None

    diagnostics: Dropped = None
    fallback_credit_token: Dropped = None
    fallbacks: Dropped = None
    inference_geo: Dropped = None
    metadata: Dropped = None

    container: Annotated[Any, only()] = None
    thread: Any = None

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        """Raises InvalidRequest for what would go on later, or goes on; by its code clients send all, without it."""
        if self.thread is not None:
            raise InvalidRequest(
                "thread is not served: nothing is stored here, so send the whole conversation in messages.",
                param="thread", code="thread_unsupported_request",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def has_room_for_thoughts(self) -> Self:
        budget = self.thinking_budget
        if budget is not None and budget >= self.max_tokens:
            raise InvalidRequest(
                f"thinking.budget_tokens ({budget}) should be less than max_tokens ({self.max_tokens}).",
                param="thinking.budget_tokens",
            )
        return self

    @property
    def request_class(self) -> RequestClass | None:
        """No tier of Anthropic's waits behind the others."""
        return None
