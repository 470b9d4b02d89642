"""The blocks that a message is made of, as clients send them.

They send back what they have had as an answer, from whatever server: what changes nothing is dropped.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sluice.transport.sse import to_json
from sluice.wire.body import Dropped, WireModel, at_most, only, told_by

MOST_BLOCKS = 1024
"""Of one message's content."""
BILLING = "x-anthropic-billing-header"
"""Begins a block of Claude Code's in the system prompt: a hash, another one in each request, which would keep all that
follows it out of the prefix cache."""


class Block(WireModel):
    cache_control: Dropped = None


class TextBlock(Block):
    type: Literal["text"]
    text: str
    citations: Annotated[Any, only([])] = None


class ThinkingBlock(Block):
    type: Literal["thinking"]
    thinking: str
    signature: Dropped = None


class RedactedThinkingBlock(Block):
    """Encrypted by whoever thought it."""

    type: Literal["redacted_thinking"]
    data: Dropped = None


class ToolUseBlock(Block):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]
    caller: Dropped = None
    toolset_name: Dropped = None

    def to_template(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": to_json(self.input).decode()}
        return {"id": self.id, "type": "function", "function": function}


def as_blocks(content: object) -> object:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list):
        return content
    raise PydanticCustomError("content", "Input should be a string or a list of blocks")


Text = Annotated[TextBlock, told_by("type", {"text": TextBlock})]
Texts = Annotated[
    list[Text],
    Field(fail_fast=True),
    at_most(MOST_BLOCKS),
    BeforeValidator(as_blocks, json_schema_input_type=str | list[TextBlock]),
]


class ToolResultBlock(Block):
    """`is_error`: what has gone wrong stands in the content, and templates have no other place for it."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: Texts = Field(default_factory=list)
    is_error: Dropped = None

    def to_template(self) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": self.tool_use_id, "content": lines(self.content)}


UserBlock = TextBlock | ToolResultBlock
UserBlocks = Annotated[
    list[Annotated[UserBlock, told_by("type", {"text": TextBlock, "tool_result": ToolResultBlock})]],
    Field(fail_fast=True),
    at_most(MOST_BLOCKS),
    BeforeValidator(as_blocks, json_schema_input_type=str | list[UserBlock]),
]
AssistantBlock = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock
AssistantBlocks = Annotated[
    list[
        Annotated[
            AssistantBlock,
            told_by(
                "type",
                {
                    "text": TextBlock, "thinking": ThinkingBlock, "redacted_thinking": RedactedThinkingBlock,
                    "tool_use": ToolUseBlock,
                },
            ),
        ]
    ],
    Field(fail_fast=True),
    at_most(MOST_BLOCKS),
    BeforeValidator(as_blocks, json_schema_input_type=str | list[AssistantBlock]),
]  # fmt: skip


def lines(blocks: Iterable[Block]) -> str:
    """What the text blocks say, a line for each, as vLLM does it."""
    return "\n".join(block.text for block in blocks if isinstance(block, TextBlock) and block.text)


def system_text(blocks: Iterable[TextBlock]) -> str:
    """Of a system prompt, whose blocks vLLM puts together without lines."""
    return "".join(block.text for block in blocks if not block.text.startswith(BILLING))
