"""A conversation's messages, as Anthropic's clients send them and as a chat template takes them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from sluice.anthropic.messages.blocks import (
    AssistantBlocks,
    Texts,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlocks,
    lines,
    system_text,
)
from sluice.wire.body import WireModel, told_by


class UserMessage(WireModel):
    role: Literal["user"]
    content: UserBlocks

    def to_template(self) -> list[dict[str, Any]]:
        """The results of tools are messages of their own there, and come first."""
        results = [block.to_template() for block in self.content if isinstance(block, ToolResultBlock)]
        text = lines(self.content)
        return [*results, {"role": self.role, "content": text}] if text or not results else results


class AssistantMessage(WireModel):
    """Thoughts are handed to the template, which knows of which turns the model should see them."""

    role: Literal["assistant"]
    content: AssistantBlocks

    def to_template(self) -> list[dict[str, Any]]:
        message: dict[str, Any] = {"role": self.role, "content": lines(self.content)}
        if thoughts := "".join(block.thinking for block in self.content if isinstance(block, ThinkingBlock)):
            message["reasoning"] = thoughts
        if calls := [block.to_template() for block in self.content if isinstance(block, ToolUseBlock)]:
            message["tool_calls"] = calls
        return [message]


class SystemMessage(WireModel):
    """Claude Code has such reminders between the others."""

    role: Literal["system"]
    content: Texts

    def to_template(self) -> list[dict[str, Any]]:
        text = system_text(self.content)
        return [{"role": self.role, "content": text}] if text else []


Message = Annotated[
    list[dict[str, Any]],
    told_by("role", {"user": UserMessage, "assistant": AssistantMessage, "system": SystemMessage}),
    AfterValidator(lambda message: message.to_template()),
]
"""As a chat template takes it: one, more, or none."""
