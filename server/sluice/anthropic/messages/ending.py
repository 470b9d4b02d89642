"""Anthropic's words for why an answer ended, and what a call that was cut off has for arguments."""

from typing import Any

from pydantic_core import from_json

from sluice.anthropic.messages.answer import Ending
from sluice.engine.base import FinishReason


def ending(finish: FinishReason | None, stopped_by: int | str | None, call: str | None) -> Ending:
    """`call`: the arguments of the last one. A stop sequence inside them has cut it off, and it is not to be run."""
    if finish == "length":
        return Ending("max_tokens", None)
    if isinstance(stopped_by, str) and (call is None or not is_whole(call)):
        return Ending("stop_sequence", stopped_by)
    return Ending("end_turn" if call is None else "tool_use", None)


def is_whole(arguments: str) -> bool:
    try:
        from_json(arguments)
    except ValueError:
        return False
    return True


def to_input(arguments: str) -> dict[str, Any]:
    """As much of it as there is, like what Anthropic's own clients make of a stream."""
    try:
        found = from_json(arguments or "{}", allow_partial="trailing-strings")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
