"""From Anthropic's request to what the engine is asked for."""

from typing import Any, get_type_hints

import pytest
from anthropic.types import Message
from anthropic.types.beta import message_count_tokens_params as count_params
from anthropic.types.beta import message_create_params as create_params

from sluice.anthropic.messages.models import CountTokensRequest, MessagesRequest
from sluice.engine.base import Constraint, NamedTool, Sampling
from tests.anthropic.examples import HI, WEATHER_TOOL, asked, call

USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Zürich"}}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Zürich"}'}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CACHED = {"cache_control": {"type": "ephemeral"}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said} | more


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content} | more


def told(content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "toolu_1", "content": content}


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("Be brief.", "Be brief."),
        ([text("Be "), text("brief.", **CACHED)], "Be brief."),
        ([text("x-anthropic-billing-header: cc_version=2; cch=1b3"), text("Be brief.")], "Be brief."),
    ],
)
def test_system(system: Any, content: str) -> None:
    assert asked(system=system).messages == [{"role": "system", "content": content}, HI]


@pytest.mark.parametrize("system", ["", [], [text("")], [text("x-anthropic-billing-header: 1")], None])
def test_a_system_that_says_nothing_is_none(system: Any) -> None:
    assert asked(system=system).messages == [HI]


@pytest.mark.parametrize(
    ("message", "messages"),
    [
        ({"role": "user", "content": [text("What is"), text("this?", **CACHED)]}, [HI | {"content": "What is\nthis?"}]),
        ({"role": "user", "content": ""}, [HI | {"content": ""}]),
        ({"role": "system", "content": "A reminder."}, [{"role": "system", "content": "A reminder."}]),
        ({"role": "system", "content": [text("A "), text("word.")]}, [{"role": "system", "content": "A word."}]),
        ({"role": "system", "content": ""}, []),
        ({"role": "user", "content": [result("sunny")]}, [told("sunny")]),
        ({"role": "user", "content": [result([text("sunny"), text("dry", **CACHED)])]}, [told("sunny\ndry")]),
        ({"role": "user", "content": [result("no such city", is_error=True, **CACHED)]}, [told("no such city")]),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]}, [told("")]),
        (
            {"role": "user", "content": [text("Here:"), result("sunny"), result([])]},
            [told("sunny"), told(""), {"role": "user", "content": "Here:"}],
        ),
    ],
)
def test_messages(message: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    assert asked(messages=[HI, message, HI]).messages == [HI, *messages, HI]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Hello.", {"content": "Hello."}),
        ([text("Hello."), text("You.")], {"content": "Hello.\nYou."}),
        ([{"type": "redacted_thinking", "data": "x"}, text("Hello.")], {"content": "Hello."}),
        ([USE], CALLING),
        ([USE | {"caller": {"type": "direct"}, "toolset_name": None} | CACHED], CALLING),
        (
            [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, text("Wait."), USE],
            CALLING | {"content": "Wait.", "reasoning": "Hm."},
        ),
    ],
)
def test_what_an_assistant_has_said(content: Any, message: dict[str, Any]) -> None:
    history = [HI, {"role": "assistant", "content": content}, HI]
    assert asked(messages=history).messages == [HI, {"role": "assistant"} | message, HI]


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (MessagesRequest, create_params.MessageCreateParamsStreaming),
        (CountTokensRequest, count_params.MessageCountTokensParams),
    ],
)
def test_no_field_of_anthropic_is_silently_ignored(model: type[CountTokensRequest], params: Any) -> None:
    """The betas go into a header."""
    assert get_type_hints(params).keys() - {"betas"} <= model.known()


def test_an_answer_goes_back_as_the_sdk_sends_it() -> None:
    """With every field that its models know, null where there is nothing."""
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, text("Wait."), USE]
    message = Message.model_validate(
        {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "demo", "content": blocks,
            "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    )  # fmt: skip
    history = [HI, {"role": "assistant", "content": message.model_dump()["content"]}, HI]
    assert asked(messages=history).messages[1] == CALLING | {"content": "Wait.", "reasoning": "Hm."}


def test_the_last_message_may_begin_the_answer() -> None:
    begun = asked(messages=[HI, {"role": "assistant", "content": "The answer is ("}])
    assert begun.messages[-1] == {"role": "assistant", "content": "The answer is ("}
    assert begun.template_kwargs == {
        "continue_final_message": True, "add_generation_prompt": False, "enable_thinking": False,
    }  # fmt: skip
    nothing = asked(messages=[HI, {"role": "assistant", "content": ""}])
    assert (nothing.messages, nothing.template_kwargs) == ([HI], {})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 50}}, {"enable_thinking": True}),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, {"enable_thinking": True}),
        ({"thinking": {"type": "disabled"}}, {"enable_thinking": False}),
        ({"output_config": {"effort": "high"}}, {"reasoning_effort": "high"}),
        ({"chat_template_kwargs": {"thinking": True}}, {"thinking": True}),
        (
            {"thinking": {"type": "adaptive"}, "chat_template_kwargs": {"enable_thinking": False}},
            {"enable_thinking": False},
        ),
    ],
)
def test_thinking(fields: dict[str, Any], told: dict[str, Any]) -> None:
    assert asked(**fields).template_kwargs == told


def test_thoughts_have_the_budget_that_is_asked_for() -> None:
    assert asked(thinking={"type": "enabled", "budget_tokens": 50}).thinking_budget == 50
    assert asked(thinking={"type": "adaptive"}).thinking_budget is None
    assert asked().thinking_budget is None


def test_tools_reach_the_template() -> None:
    tool = {"type": "custom", "name": "look", "description": "Looks.", "strict": True, "input_schema": {}} | CACHED
    more = {
        "defer_loading": False,
        "eager_input_streaming": True,
        "input_examples": [{}],
        "allowed_callers": ["direct"],
    }
    prompt = asked(tools=[WEATHER_TOOL, tool | more])
    assert [each["function"] for each in prompt.tools] == [
        {"name": "get_weather", "description": None, "parameters": WEATHER_TOOL["input_schema"]},
        {"name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True},
    ]
    assert {each["type"] for each in prompt.tools} == {"function"}
    assert (prompt.tool_choice, prompt.parallel_tool_calls) == ("auto", True)
    assert asked().tool_choice == "none"


@pytest.mark.parametrize(
    ("choice", "chosen", "in_parallel"),
    [
        ({"type": "auto"}, "auto", True),
        ({"type": "none"}, "none", True),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "tool", "name": "get_weather", "disable_parallel_tool_use": False}, NamedTool("get_weather"), True),
    ],
)
def test_tool_choice(choice: dict[str, Any], chosen: object, in_parallel: bool) -> None:
    prompt = asked(tools=[WEATHER_TOOL], tool_choice=choice)
    assert (prompt.tool_choice, prompt.parallel_tool_calls) == (chosen, in_parallel)


def test_how_tokens_are_chosen() -> None:
    request = call(
        max_tokens=7.0, stop_sequences=["a", "b"], temperature=0.5, top_p=0.9, top_k=40, stream=True, cache_salt="s"
    )
    assert request.to_generation("id").sampling == Sampling(
        max_tokens=7, stop=("a", "b"), temperature=0.5, top_p=0.9, top_k=40, cache_salt="s"
    )
    assert (request.stream, request.model, request.request_class) == (True, "demo", None)
    assert call().to_generation("id").sampling == Sampling(max_tokens=100)


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}, "output_config": {"effort": "low"}},
    ],
)
def test_an_answer_is_held_to_a_schema(fields: dict[str, Any]) -> None:
    assert call(**fields).to_generation("id").sampling.constraint == Constraint("json", SCHEMA)


@pytest.mark.parametrize(
    "fields",
    [
        CACHED, {"metadata": {"user_id": "u"}}, {"context_management": {"edits": []}}, {"service_tier": "auto"},
        {"service_tier": "standard_only"}, {"inference_geo": "eu"}, {"speed": "standard"}, {"mcp_servers": []},
        {"container": None}, {"output_config": {"task_budget": {"total": 1}}}, {"diagnostics": {}}, {"stream": None},
        {"user_profile_id": "u"}, {"temperature": None}, {"tools": []}, {"tool_choice": {"type": "none"}},
    ],
)  # fmt: skip
def test_what_changes_nothing_is_accepted(fields: dict[str, Any]) -> None:
    assert call(**fields).to_generation("id") == call().to_generation("id")
