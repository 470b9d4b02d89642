"""A streamed answer, read as strictly as Anthropic's own types allow."""

import json
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import ConfigDict, TypeAdapter

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent, config=ConfigDict(strict=True))


def events(raw: bytes | str) -> list[Any]:
    """Each is named as its type is, and is nothing that the SDK has no type for."""
    text = raw.decode() if isinstance(raw, bytes) else raw
    assert text == "" or text.endswith("\n\n")
    found = []
    for block in text.split("\n\n")[:-1]:
        if block == ": ping":
            continue
        name, data = block.split("\n")
        parsed = EVENT.validate_json(data.removeprefix("data: "))
        assert (name, parsed.type) == (f"event: {parsed.type}", json.loads(data.removeprefix("data: "))["type"])
        assert parsed.model_extra == {}
        found.append(parsed)
    return found


def shape(found: list[Any]) -> list[str]:
    """In short: `+text 0` opens a block, `-0` closes it, and a delta is what it says."""
    short = []
    for each in found:
        if each.type == "content_block_start":
            short.append(f"+{each.content_block.type} {each.index}")
        elif each.type == "content_block_stop":
            short.append(f"-{each.index}")
        elif each.type == "content_block_delta":
            said = each.delta.model_dump()
            short.append(f"{each.index} {said.pop('type').removesuffix('_delta')} {next(iter(said.values()))}")
        else:
            short.append(each.type)
    return short


def put_together(found: list[Any]) -> Message:
    """The message that the events come to; raises AssertionError if they are not in their order."""
    start, *inner, delta, stop = found
    assert (start.type, delta.type, stop.type) == ("message_start", "message_delta", "message_stop")
    message: Message = start.message
    assert (message.content, message.stop_reason, message.usage.output_tokens) == ([], None, 0)
    content: list[dict[str, Any]] = []
    is_open, pieces = False, ""
    for each in inner:
        if each.type == "content_block_start":
            assert not is_open
            assert each.index == len(content)
            content.append(each.content_block.to_dict())
            is_open, pieces = True, ""
            continue
        assert is_open
        assert each.index == len(content) - 1
        block = content[-1]
        if each.type == "content_block_stop":
            is_open = False
            if block["type"] == "tool_use":
                block["input"] = json.loads(pieces or "{}")
        elif each.delta.type == "text_delta":
            block["text"] += each.delta.text
        elif each.delta.type == "thinking_delta":
            block["thinking"] += each.delta.thinking
        elif each.delta.type == "signature_delta":
            block["signature"] = each.delta.signature
        else:
            pieces += each.delta.partial_json
    assert not is_open
    whole = message.to_dict() | delta.delta.to_dict() | {"content": content, "usage": delta.usage.to_dict()}
    return Message.model_validate(whole)
