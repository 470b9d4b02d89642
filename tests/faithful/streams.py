"""Streams of each API, put together to what the same answer is when it is not streamed."""

from itertools import groupby
from typing import Any

Object = dict[str, Any]


def openai_stream(events: list[Object]) -> Object:
    """Texts and lists grow; of anything else the last word counts."""
    whole: Object = {"choices": {}}
    for event in events:
        for choice in event.get("choices", []):
            grow(whole["choices"].setdefault(choice["index"], {}), choice)
        whole |= {key: value for key, value in event.items() if key != "choices" and value is not None}
    whole["choices"] = [choice for _, choice in sorted(whole["choices"].items())]
    return whole


def grow(whole: Object, delta: Object) -> None:
    for key, value in delta.items():
        if value is None:
            continue
        if key == "tool_calls":
            calls = whole.setdefault(key, {})
            for call in value:
                grow(calls.setdefault(str(call["index"]), {}), {"type": "", "id": ""} | call)
        elif isinstance(value, dict) and key != "top_logprobs":
            grow(whole.setdefault(key, {}), value)
        elif isinstance(value, list) or (isinstance(value, str) and key in GROWING):
            whole[key] = whole.get(key, type(value)()) + value
        elif value != "":
            whole[key] = value


GROWING = {"content", "reasoning", "reasoning_content", "text", "arguments", "refusal"}


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
    return events[-1].get("response", {}) | {"deltas": deltas, "events": names(events), "in order": in_order}


def names(events: list[Object]) -> list[str]:
    return [name for name, _ in groupby(event["type"] for event in events)]
