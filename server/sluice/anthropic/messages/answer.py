"""Anthropic's messages on the wire: the answer, and the events of a streamed one."""

from typing import Any, Literal

from sluice.wire.answer import Answer
from sluice.wire.endpoint import Totals

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]


class Usage(Answer):
    """All tokens of a prompt are those that are called input, together."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int

    @classmethod
    def of(cls, totals: Totals) -> "Usage":
        fresh = totals.prompt - totals.cached - totals.written
        return cls(fresh, totals.completion, totals.written, totals.cached)


class Text(Answer, tag="text"):
    text: str


class Thought(Answer, tag="thinking"):
    thinking: str
    signature: str


class ToolUse(Answer, tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]


Block = Text | Thought | ToolUse


class Message(Answer, tag="message"):
    id: str
    role: Literal["assistant"]
    model: str
    content: list[Block]
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: Usage


class TextDelta(Answer, tag="text_delta"):
    text: str


class ThoughtDelta(Answer, tag="thinking_delta"):
    thinking: str


class SignatureDelta(Answer, tag="signature_delta"):
    signature: str


class InputDelta(Answer, tag="input_json_delta"):
    partial_json: str


class MessageStart(Answer, tag="message_start"):
    message: Message


class BlockStart(Answer, tag="content_block_start"):
    index: int
    content_block: Block


class BlockDelta(Answer, tag="content_block_delta"):
    index: int
    delta: TextDelta | ThoughtDelta | SignatureDelta | InputDelta


class BlockStop(Answer, tag="content_block_stop"):
    index: int


class Ending(Answer):
    stop_reason: StopReason
    stop_sequence: str | None


class MessageDelta(Answer, tag="message_delta"):
    delta: Ending
    usage: Usage


class MessageStop(Answer, tag="message_stop"): ...
