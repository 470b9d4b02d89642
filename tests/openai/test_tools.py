"""Tools, reasoning and what an answer is held to: as they are asked for, and as they are answered."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from sluice.engine.base import Chat, Constraint, Delta, More, NamedTool
from sluice.engine.parser import CallDelta, Parsed
from sluice.errors import InvalidRequest
from tests.openai.examples import ABOUT, USED, chat, completion

FUNCTION = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOLS = [{"type": "function", "function": FUNCTION}]
NO_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def asked(**fields: Any) -> Chat:
    (prompt,) = chat(**fields).to_generation("id").prompts
    assert isinstance(prompt, Chat)
    return prompt


def constraint(**fields: Any) -> Constraint | None:
    return chat(**fields).to_generation("id").sampling.constraint


def test_tools_reach_the_template() -> None:
    prompt = asked(tools=[TOOLS[0] | {"function": FUNCTION | {"strict": True}}], parallel_tool_calls=False)
    assert prompt.tools == [{"type": "function", "function": FUNCTION | {"description": None, "strict": True}}]
    assert (prompt.tool_choice, prompt.parallel_tool_calls) == ("auto", False)
    assert asked().tool_choice == "none"


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("none", "none"), ("auto", "auto"), ("required", "required"), (None, "auto"),
        ({"type": "function", "function": {"name": "get_weather"}}, NamedTool("get_weather")),
    ],
)  # fmt: skip
def test_tool_choice(choice: Any, chosen: object) -> None:
    assert asked(tools=TOOLS, tool_choice=choice).tool_choice == chosen


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": "x"}, "tools"),
        ({"tools": [1]}, "tools.0"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
        ({"tools": TOOLS * 129}, "tools"),
        ({"tools": TOOLS, "tool_choice": "any"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"reasoning_effort": "vast"}, "reasoning_effort"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs"),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"guided_regex": "a", "response_format": {"type": "json_object"}}, "guided_regex"),
        ({"continue_final_message": True, "add_generation_prompt": True}, "continue_final_message"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        chat(**fields).to_generation("id")
    assert wrong.value.param == param


def test_what_an_answer_is_held_to() -> None:
    assert constraint(response_format={"type": "text"}) is None
    assert constraint(response_format={"type": "json_object"}) == Constraint("json_object", True)
    named = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    assert constraint(response_format=named) == Constraint("json", SCHEMA)
    tag = {"type": "structural_tag", "format": {"type": "const_string", "value": None}}
    assert constraint(response_format=tag) == Constraint("structural_tag", json.dumps(tag))
    assert constraint(guided_choice=["a", "b"]) == Constraint("choice", ["a", "b"])
    given = {"regex": "a+", "disable_any_whitespace": True}
    assert constraint(structured_outputs=given) == Constraint("regex", "a+", {"disable_any_whitespace": True})
    held = completion(response_format=named).to_generation("id").sampling.constraint
    assert held == Constraint("json", SCHEMA)


def test_an_effort_is_the_templates_to_know() -> None:
    assert asked(reasoning_effort="low").template_kwargs == {"reasoning_effort": "low", "enable_thinking": True}
    assert asked(reasoning_effort="none").template_kwargs["enable_thinking"] is False
    said = {"enable_thinking": False}
    assert asked(reasoning_effort="high", chat_template_kwargs=said).template_kwargs["enable_thinking"] is False
    prefill = {"continue_final_message": True, "add_generation_prompt": False}
    assert asked(**prefill).template_kwargs == prefill


THOUGHT = Delta("", 1, None, None, More(reasoning="Hm."))
CALLED = [
    Delta("", 1, None, None, More(calls=(CallDelta(0, "", "call-1", "get_weather"),))),
    Delta("", 1, None, None, More(calls=(CallDelta(0, '{"city": '),))),
    Delta("", 1, "stop", None, More(calls=(CallDelta(0, '"Oslo"}'),))),
]


def chunks(call: Any, deltas: list[Delta], about: Any = ABOUT) -> list[dict[str, Any]]:
    encoder = call.encoder(about)
    sent = b"".join([encoder.first(), *(encoder.delta(0, delta) for delta in deltas), encoder.last(USED)])
    *events, done = sent.decode().removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    made = [json.loads(event.removeprefix("data: ")) for event in events]
    for each in made:
        ChatCompletionChunk.model_validate(each)
    return [each["choices"][0] for each in made]


def test_reasoning_and_calls_are_streamed() -> None:
    greeting, thought, *calls = chunks(chat(stream=True, tools=TOOLS), [THOUGHT, *CALLED])
    assert greeting["delta"] == {"role": "assistant", "content": ""}
    assert thought["delta"] == {"reasoning": "Hm."}
    first, *rest = [call["delta"]["tool_calls"] for call in calls]
    assert first == [
        {"index": 0, "id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    ]
    assert rest == [
        [{"index": 0, "function": {"arguments": '{"city": '}}], [{"index": 0, "function": {"arguments": '"Oslo"}'}}]
    ]  # fmt: skip
    assert [call["finish_reason"] for call in calls] == [None, None, "tool_calls"]


def test_a_call_that_was_chosen_ends_with_stop() -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    assert chunks(chat(stream=True, tools=TOOLS, tool_choice=choice), CALLED)[-1]["finish_reason"] == "stop"
    cut = [*CALLED[:2], Delta("", 1, "length")]
    assert chunks(chat(stream=True, tools=TOOLS), cut)[-1]["finish_reason"] == "length"


def test_reasoning_has_the_names_that_the_settings_give_it() -> None:
    both = ABOUT._replace(reasoning_fields=("reasoning", "reasoning_content"))
    _, thought, ended = chunks(chat(stream=True), [THOUGHT, Delta("a", 1, "stop")], both)
    assert thought["delta"] == {"reasoning": "Hm.", "reasoning_content": "Hm."}
    assert ended["finish_reason"] == "stop"


def test_a_whole_answer_has_them() -> None:
    call = chat(tools=TOOLS)
    sequence = call.collected()
    sequence.put(Delta("raw", 3, "stop"))
    sequence.parsed = Parsed("", "Hm.", (CallDelta(0, '{"city": "Oslo"}', "call-1", "get_weather"),))
    body = json.loads(b"".join(call.whole(ABOUT, [sequence], USED)))
    ChatCompletion.model_validate(body)
    [choice] = body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant", "content": None, "refusal": None, "reasoning": "Hm.",
        "tool_calls": [
            {"id": "call-1", "type": "function",
             "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}},
        ],
    }  # fmt: skip
