"""Streams of each API, put together to what the same answer is when it is not streamed."""

from itertools import groupby
from typing import Any

Object = dict[str, Any]


GROWING = {"content", "reasoning", "reasoning_content", "text", "arguments", "refusal"}
"""Texts that come in pieces."""


def openai_stream(events: list[Object]) -> Object:
    """Texts and lists grow; of anything else the last word counts."""
    choices: dict[int, Object] = {}
    whole: Object = {}
    for event in events:
        for choice in event.get("choices", []):
            grow(choices.setdefault(choice["index"], {}), choice)
        whole |= {key: value for key, value in event.items() if key != "choices" and value is not None}
    return whole | {"choices": [finished(choice) for _, choice in sorted(choices.items())]}


def grow(whole: Object, delta: Object) -> None:
    for key, value in delta.items():
        if value is None:
            continue
        if key == "tool_calls":
            calls = whole.setdefault(key, {})
            for call in value:
                grow(calls.setdefault(call["index"], {}), call)
        elif isinstance(value, dict):
            grow(whole.setdefault(key, {}), value)
        elif isinstance(value, list) or key in GROWING:
            whole[key] = whole.get(key, type(value)()) + value
        else:
            whole[key] = value


def finished(choice: Object) -> Object:
    """With the names that it has when it is not streamed."""
    if "delta" not in choice:
        return choice
    message = choice.pop("delta")
    if "tool_calls" in message:
        message["tool_calls"] = [
            {key: value for key, value in call.items() if key != "index"}
            for _, call in sorted(message["tool_calls"].items())
        ]
    return choice | {"message": message}


def anthropic_stream(events: list[Object]) -> Object:
    """The message, and the names of the events, a run of the same ones told once."""
    message: Object = {}
    blocks: dict[int, Object] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                for key, value in event["delta"].items():
                    if key != "type":
                        block = blocks[event["index"]]
                        block[key] = block.get(key, "") + value
            case "message_delta":
                usage = message.get("usage", {}) | event.get("usage", {})
                message |= event["delta"] | {"usage": usage}
    content = [block for _, block in sorted(blocks.items())]
    return message | {"content": content, "events": names(events)}


def responses_stream(events: list[Object]) -> Object:
    """The response as the last event tells it, the texts of the deltas, and the names of the events."""
    deltas: Object = {}
    for event in events:
        if isinstance(event.get("delta"), str):
            deltas[event["type"]] = deltas.get(event["type"], "") + event["delta"]
    numbers = [event.get("sequence_number") for event in events]
    in_order = numbers == list(range(len(numbers)))
    response: Object = events[-1].get("response", {})
    return response | {"deltas": deltas, "events": names(events), "in order": in_order}


def names(events: list[Object]) -> list[str]:
    return [name for name, _ in groupby(event["type"] for event in events)]
