"""OpenAI's words for why an answer ended."""

from typing import Literal

from sluice.engine.base import FinishReason

Reason = FinishReason | Literal["tool_calls"]
