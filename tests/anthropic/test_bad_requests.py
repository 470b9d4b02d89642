"""What is wrong in a body is refused, and the field is named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.anthropic.errors import encode_error
from sluice.anthropic.messages.models import CountTokensRequest
from sluice.anthropic.messages.translation import MessagesCall
from sluice.api.errors import to_problem
from sluice.errors import InvalidRequest
from tests.anthropic.examples import HI, MESSAGES, WEATHER_TOOL, call

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BEGUN = {"role": "assistant", "content": "The"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [HI, {"role": "user", "content": list(blocks)}]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"messages": [HI, {"role": "assistant", "content": list(blocks)}, HI]}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": 1}, "model"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "7"}, "max_tokens"),
    ({"messages": []}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": "Hi."}, "messages"),
    ({"messages": [HI, "Hi."]}, "messages.1"),
    ({"messages": [{"content": "Hi."}]}, "messages.0.role"),
    ({"messages": [{"role": "tool", "content": "Hi."}]}, "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
    (user({"type": "text"}), "messages.1.content.0.text"),
    (user({"text": "Hi."}), "messages.1.content.0.type"),
    (user({"type": "text", "text": "Hi.", "citations": [{"type": "page_location"}]}), "messages.1.content.0.citations"),
    (user({"type": "text", "text": "Hi."}, IMAGE), "messages.1.content.1.type"),
    (user({"type": "document", "source": {}}), "messages.1.content.0.type"),
    (user({"type": "search_result"}), "messages.1.content.0.type"),
    (user(USE), "messages.1.content.0.type"),
    (user({"type": "tool_result", "content": "sunny"}), "messages.1.content.0.tool_use_id"),
    (user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}), "messages.1.content.0.content.0.type"),
    (assistant({"type": "server_tool_use", "id": "s"}), "messages.1.content.0.type"),
    (assistant({"type": "web_search_tool_result"}), "messages.1.content.0.type"),
    (assistant(USE | {"input": "{}"}), "messages.1.content.0.input"),
    (assistant(USE | {"id": None}), "messages.1.content.0.id"),
    (assistant({"type": "thinking", "signature": "s"}), "messages.1.content.0.thinking"),
    ({"messages": [HI, {"role": "assistant", "content": [USE]}]}, "messages"),
    ({"messages": [HI, BEGUN], "thinking": {"type": "adaptive"}}, "thinking"),
    ({"system": 7}, "system"),
    ({"system": [IMAGE]}, "system.0.type"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
    ({"tools": [{"name": "a"}]}, "tools.0.input_schema"),
    ({"tools": [WEATHER_TOOL | {"type": {}}]}, "tools.0.type"),
    ({"tools": [WEATHER_TOOL | {"type": []}]}, "tools.0.type"),
    ({"tools": [WEATHER_TOOL | {"name": ""}]}, "tools.0.name"),
    ({"tools": [WEATHER_TOOL | {"defer_loading": True}]}, "tools.0.defer_loading"),
    ({"tools": [WEATHER_TOOL, SEARCH]}, "tools.1.type"),
    ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice"),
    ({"tools": [WEATHER_TOOL], "tool_choice": "auto"}, "tool_choice"),
    ({"tools": [WEATHER_TOOL], "tool_choice": {"type": "required"}}, "tool_choice.type"),
    ({"tools": [WEATHER_TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tools": [WEATHER_TOOL], "tool_choice": {"type": "tool", "name": "other"}}, "tool_choice.name"),
    ({"thinking": {"type": "often"}}, "thinking.type"),
    ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "some"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"output_format": {"type": "json_object", "schema": {}}}, "output_format.type"),
    ({"chat_template_kwargs": {"chat_template": "x"}}, "chat_template_kwargs"),
    ({"stop_sequences": "a"}, "stop_sequences"),
    ({"stop_sequences": [""]}, "stop_sequences.0"),
    ({"stop_sequences": ["a"] * 17}, "stop_sequences"),
    ({"temperature": -1}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_k": 1.5}, "top_k"),
    ({"stream": "true"}, "stream"),
    ({"service_tier": "fast"}, "service_tier"),
    ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
    ({"container": "c"}, "container"),
    ({"compaction": {"type": "summarize"}}, "compaction"),
    ({"thread": {"type": "create"}}, "thread"),
    ({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, "thread"),
]


@pytest.mark.parametrize(("fields", "param"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_the_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        call(**fields)
    assert refused.value.param == param
    error = json.loads(encode_error(to_problem(refused.value)))["error"]
    assert (error["type"], param in error["message"]) == ("invalid_request_error", True)


def test_what_is_not_served_is_told_with_what_is() -> None:
    with pytest.raises(InvalidRequest, match=r"messages\.1\.content\.0\.type should be one of text, tool_result"):
        call(**user(IMAGE))
    with pytest.raises(InvalidRequest, match=r"tools\.0\.type: Tools of the client's own \(type custom\) are served"):
        call(tools=[SEARCH])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": NaN}', b'"\xff"'])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        MessagesCall.parse(body)


def test_to_count_no_length_is_needed() -> None:
    body = {key: value for key, value in MESSAGES.items() if key != "max_tokens"}
    assert CountTokensRequest.parse(json.dumps(body).encode()).chat == call().chat


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(MessagesCall.model_fields)), JSON)
def test_any_value_in_any_field(field: str, value: Any) -> None:
    """It is taken or refused as the client's mistake, and breaks nothing."""
    try:
        request = MessagesCall.parse(json.dumps(MESSAGES | {field: value}).encode())
    except InvalidRequest:
        return
    assert request.to_generation("id").sequences == 1
