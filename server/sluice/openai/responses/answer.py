"""The response object: what it tells of the request, and of itself."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from sluice.openai.responses.models import ResponsesRequest
from sluice.openai.responses.output import Ending
from sluice.transport.sse import one_line, to_json
from sluice.wire.answer import Answer
from sluice.wire.endpoint import About, Problem, Totals

CODES = {"invalid_request_error": "invalid_prompt", "rate_limit_error": "rate_limit_exceeded"}
"""OpenAI's few words for why a response has failed, which SDKs check; all else is `server_error`."""


class InputTokensDetails(Answer):
    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(Answer):
    reasoning_tokens: int


class ResponseUsage(Answer):
    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int

    @classmethod
    def of(cls, totals: Totals) -> "ResponseUsage":
        return cls(
            totals.prompt, InputTokensDetails(totals.cached, totals.written), totals.completion,
            OutputTokensDetails(totals.reasoning), totals.prompt + totals.completion,
        )  # fmt: skip


class Incomplete(Answer):
    reason: Literal["max_output_tokens"]


class ResponseError(Answer):
    code: str
    message: str

    @classmethod
    def of(cls, problem: Problem) -> "ResponseError":
        return cls(CODES.get(problem.type, "server_error"), problem.message)


class Echo(Answer):
    """The request's parameters; null is what the model's own default decides. Nothing is stored, whatever was asked."""

    background: Literal[False]
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    model: str
    parallel_tool_calls: bool
    previous_response_id: None
    prompt_cache_key: str | None
    reasoning: dict[str, Any]
    safety_identifier: str | None
    service_tier: Literal["default", "flex"]
    store: Literal[False]
    temperature: float | None
    text: dict[str, Any]
    tool_choice: Any
    tools: list[dict[str, Any]]
    top_logprobs: int
    top_p: float | None
    truncation: Literal["auto", "disabled"]
    user: str | None

    @classmethod
    def of(cls, request: ResponsesRequest, model: str) -> "Echo":
        choice = request.tool_choice or "auto"
        return cls(
            background=False, instructions=request.instructions, max_output_tokens=request.max_output_tokens,
            max_tool_calls=request.max_tool_calls, metadata=request.metadata, model=model,
            parallel_tool_calls=request.parallel_tool_calls, previous_response_id=None,
            prompt_cache_key=request.prompt_cache_key,
            reasoning={"effort": request.reasoning.effort, "summary": None},
            safety_identifier=request.safety_identifier,
            service_tier="flex" if request.service_tier == "flex" else "default", store=False,
            temperature=request.temperature, text=request.text.echo(),
            tool_choice=choice if isinstance(choice, str) else {"type": "function", "name": choice.name},
            tools=[
                tool.model_dump(include={"type", "name", "description", "parameters", "strict"})
                for tool in request.tools
            ],
            top_logprobs=request.top_logprobs, top_p=request.top_p, truncation=request.truncation, user=request.user,
        )  # fmt: skip


class State(Answer):
    """What of a response changes while it is made."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "failed"] | Ending
    completed_at: int | None = None
    error: ResponseError | None = None
    incomplete_details: Incomplete | None = None
    usage: ResponseUsage | None = None


class RawMessage(Answer):
    """vLLM's: what the model has been given, or has written, before anything is read out of it."""

    type: Literal["raw_message_tokens"]
    message: str
    tokens: list[int]


class RawMessages(Answer):
    input_messages: list[RawMessage]
    output_messages: list[RawMessage]


class ResponseObject:
    """It is in a stream three times, and the echo, which may be long, is made into JSON once."""

    def __init__(self, about: About, request: ResponsesRequest) -> None:
        self.about, self.echo = about, one_line(Echo.of(request, about.model).encode())

    def state(self, status: Literal["in_progress", "failed"], error: ResponseError | None = None) -> State:
        return State(self.about.id, "response", self.about.created, status, error=error)

    def ended(self, status: Ending, totals: Totals) -> State:
        return State(
            self.about.id, "response", self.about.created, status,
            completed_at=int(time.time()) if status == "completed" else None,
            incomplete_details=None if status == "completed" else Incomplete("max_output_tokens"),
            usage=ResponseUsage.of(totals),
        )  # fmt: skip

    def pieces(
        self, state: State, items: Iterable[bytes | bytearray], raw: RawMessages | None = None
    ) -> Iterator[bytes | bytearray]:
        """As JSON; `items`: that of its output's."""
        yield to_json(state)[:-1] + b"," + self.echo[1:-1] + b',"output":['
        yield from items
        yield b"]}" if raw is None else b"]," + to_json(raw)[1:]
