"""The arguments of tool calls, which clients send as JSON in a text, and templates take as objects."""

import json
import json.scanner
from typing import Any

LONG_CHARACTERS = 65_536
"""Of arguments that are read here. vLLM reads all in one go, in which no other thread runs, the loop's neither."""


def with_objects(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages, with objects in the place of long arguments; as in vLLM an empty one where there is none."""
    return [with_object(message) if message.get("tool_calls") else message for message in messages]


def with_object(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        call | {"function": call["function"] | {"arguments": read(call["function"]["arguments"])}}
        if is_long(call) else call
        for call in message["tool_calls"]
    ]  # fmt: skip
    return message | {"tool_calls": calls}


def is_long(call: dict[str, Any]) -> bool:
    arguments = call["function"].get("arguments")
    return isinstance(arguments, str) and len(arguments) > LONG_CHARACTERS


def read(arguments: str) -> dict[str, Any]:
    """In Python, except for the texts inside. Raises RecursionError for what is nested too deeply."""
    decoder = json.JSONDecoder()
    decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]  # typeshed leaves it out
    try:
        found = decoder.decode(arguments)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
