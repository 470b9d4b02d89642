"""What a body holds: the chat that it comes to, or the field that is wrong."""

from typing import Any, get_type_hints

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from sluice.engine.base import Chat, Constraint, NamedTool
from sluice.errors import InvalidRequest
from sluice.openai.responses.models import ResponsesRequest
from tests.openai.responses.told import response

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CALL = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
CALLED = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": "sunny"}
HI = {"role": "user", "content": "Hi."}


def asked(**fields: Any) -> Chat:
    (prompt,) = response(**fields).to_generation("id").prompts
    assert isinstance(prompt, Chat)
    return prompt


def part(kind: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "refusal" if kind == "refusal" else "text": text} | fields


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ("Hi.", [HI]),
        ([HI], [HI]),
        ([HI | {"type": "message", "id": "msg_1", "status": "completed"}], [HI]),
        ([HI | {"content": [part("input_text", "Hi."), part("text", "You.")]}], [HI | {"content": "Hi.\nYou."}]),
        ([{"role": "developer", "content": "D"}, {"role": "system", "content": "S"}, HI],
         [{"role": "system", "content": "D"}, {"role": "system", "content": "S"}, HI]),
        ([{"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "final_answer",
           "content": [part("output_text", "A", annotations=[], logprobs=[]), part("refusal", "B")]}],
         [{"role": "assistant", "content": "A\nB"}]),
        ([CALL], [{"role": "assistant", "content": "", "tool_calls": [CALLED]}]),
        ([CALL | {"id": "fc_1", "status": "completed", "namespace": None, "caller": None}, CALL, OUTPUT],
         [{"role": "assistant", "content": "", "tool_calls": [CALLED, CALLED]},
          {"role": "tool", "content": "sunny", "tool_call_id": "1"}]),
        ([OUTPUT | {"output": [part("input_text", "sunny"), part("input_text", "warm")]}],
         [{"role": "tool", "content": "sunny\nwarm", "tool_call_id": "1"}]),
        # an assistant's message is made of several items
        ([{"type": "reasoning", "id": "rs_1", "summary": [], "content": [part("reasoning_text", "Hm.")]},
          {"role": "assistant", "content": "A"}, CALL, OUTPUT],
         [{"role": "assistant", "reasoning": "Hm.", "content": "A", "tool_calls": [CALLED]},
          {"role": "tool", "content": "sunny", "tool_call_id": "1"}]),
        ([{"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"}],
         [{"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"}]),
        ([{"type": "reasoning", "summary": [part("summary_text", "S")], "encrypted_content": "gAAA"}, CALL],
         [{"role": "assistant", "content": "", "reasoning": "S", "tool_calls": [CALLED]}]),
        # what Codex sends of its own thoughts when they are not told, and a tool of a form that others serve
        ([HI, {"type": "reasoning", "summary": [], "content": None, "encrypted_content": None}], [HI]),
        ([{"type": "custom_tool_call", "call_id": "1", "name": "patch", "input": 'a "b"'},
          {"type": "custom_tool_call_output", "call_id": "1", "output": "done"}],
         [{"role": "assistant", "content": "", "tool_calls": [
             {"id": "1", "type": "function", "function": {"name": "patch", "arguments": '{"input":"a \\"b\\""}'}}]},
          {"role": "tool", "content": "done", "tool_call_id": "1"}]),
    ],
)  # fmt: skip
def test_input_becomes_messages(items: Any, messages: list[dict[str, Any]]) -> None:
    assert asked(input=items).messages == messages


def test_instructions_come_first() -> None:
    assert asked(instructions="Be brief.").messages == [{"role": "system", "content": "Be brief."}, HI]
    assert asked(instructions="").messages == [HI]


def test_an_assistants_message_that_is_not_complete_is_continued() -> None:
    prefill = {"continue_final_message": True, "add_generation_prompt": False}
    begun = HI | {"role": "assistant", "status": "incomplete"}
    assert asked(input=[HI, begun]).template_kwargs == prefill
    assert asked(input=[begun, HI]).template_kwargs == {}
    assert asked(input=[HI | {"status": "incomplete"}]).template_kwargs == {}


def test_functions_are_offered_and_other_tools_left_out() -> None:
    others = [{"type": kind, "name": "x"} for kind in ("web_search", "namespace", "custom", "local_shell")]
    chat = asked(tools=[*others, FUNCTION | {"strict": True}], parallel_tool_calls=False)
    function = {"name": "f", "description": None, "parameters": {"type": "object"}, "strict": True}
    assert chat.tools == [{"type": "function", "function": function}]
    assert (chat.tool_choice, chat.parallel_tool_calls) == ("auto", False)
    only_others = asked(tools=others, tool_choice="auto")
    assert (only_others.tools, only_others.tool_choice) == ([], "none")
    assert response(tools=others).ignored == ("tools.type",)
    assert response(tools=[FUNCTION]).ignored == ()


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("none", "none"), ("auto", "auto"), ("required", "required"), (None, "auto"),
        ({"type": "function", "name": "f"}, NamedTool("f")),
    ],
)  # fmt: skip
def test_tool_choice(choice: Any, chosen: object) -> None:
    assert asked(tools=[FUNCTION], tool_choice=choice).tool_choice == chosen


def test_an_effort_is_the_templates_to_know() -> None:
    told = asked(reasoning={"effort": "low", "summary": "auto"}, include_reasoning=False)
    assert told.template_kwargs == {"reasoning_effort": "low", "enable_thinking": True}
    assert told.include_reasoning is False
    assert asked(reasoning={"effort": "none"}).template_kwargs["enable_thinking"] is False
    said = {"enable_thinking": True}
    assert asked(reasoning={"effort": "none"}, chat_template_kwargs=said).template_kwargs["enable_thinking"] is True
    assert asked(reasoning={"summary": "auto"}).template_kwargs == {}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({}, None),
        ({"text": {"verbosity": "low"}}, None),
        ({"text": {"format": {"type": "text"}}}, None),
        ({"text": {"format": {"type": "json_object"}}}, Constraint("json_object", True)),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
         Constraint("json", SCHEMA)),
        ({"structured_outputs": {"regex": "a+"}}, Constraint("regex", "a+")),
    ],
)  # fmt: skip
def test_what_an_answer_is_held_to(fields: dict[str, Any], constraint: Constraint | None) -> None:
    assert response(**fields).to_generation("id").sampling.constraint == constraint


def test_sampling() -> None:
    sampling = response(max_output_tokens=5.0, temperature=0.5, top_p=0.9, top_logprobs=3).to_generation("id").sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.logprobs) == (5, 0.5, 0.9, None)
    told = response(top_logprobs=3, include=["message.output_text.logprobs"]).to_generation("id").sampling
    assert told.logprobs == 3
    assert response(service_tier="flex").request_class == "batch"
    assert response(service_tier="priority").request_class is None


def test_what_codex_sends_is_served() -> None:
    fields: dict[str, Any] = {
        "instructions": "x" * 20_000,
        "input": [
            {"type": "message", "role": "developer", "content": [part("input_text", "Rules.")]},
            {"type": "message", "role": "user", "content": [part("input_text", "Hi.")]},
        ],
        "tools": [FUNCTION | {"strict": False}, {"type": "web_search", "external_web_access": False},
                  {"type": "namespace", "name": "n", "description": "d", "tools": [FUNCTION]},
                  {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark"}}],
        "tool_choice": "auto", "parallel_tool_calls": False, "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False, "stream": True, "include": ["reasoning.encrypted_content"], "service_tier": "priority",
        "prompt_cache_key": "0199", "text": {"verbosity": "medium"}, "client_metadata": {"x": "y"},
    }  # fmt: skip
    assert [message["role"] for message in asked(**fields).messages] == ["system", "system", "user"]


def test_no_field_of_openai_is_silently_ignored() -> None:
    assert get_type_hints(ResponseCreateParamsStreaming).keys() <= ResponsesRequest.known()


def test_null_is_absent() -> None:
    absent = [
        "background", "conversation", "include", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
        "moderation", "parallel_tool_calls", "previous_response_id", "prompt", "reasoning", "safety_identifier",
        "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools",
        "top_logprobs", "top_p", "truncation", "user",
    ]  # fmt: skip
    assert response(**dict.fromkeys(absent)).to_generation("id") == response().to_generation("id")
    assert response(background=False, n=1).to_generation("id") == response().to_generation("id")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["Hi."]}, "input.0"),
        ({"input": [HI] * 4097}, "input"),
        ({"input": [HI, {}]}, "input.1.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [HI | {"role": "tool"}]}, "input.0.role"),
        ({"input": [HI | {"status": "done"}]}, "input.0.status"),
        ({"input": [HI | {"content": 5}]}, "input.0.content"),
        ({"input": [HI | {"content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0.content.0.type"),
        ({"input": [HI | {"content": [{"type": "input_text"}]}]}, "input.0.content.0.text"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type"),
        ({"input": [CALL | {"arguments": {}}]}, "input.0.arguments"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input.0.call_id"),
        ({"input": [OUTPUT | {"output": [{"type": "input_image"}]}]}, "input.0.output.0.type"),
        ({"input": [{"type": "reasoning", "content": [part("output_text", "x")]}]}, "input.0.content.0.type"),
        ({"instructions": ["x"]}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"include": ["everything"]}, "include.0"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
        ({"reasoning": {"effort": "vast"}}, "reasoning.effort"),
        ({"truncation": "some"}, "truncation"),
        ({"service_tier": "first"}, "service_tier"),
        ({"stream_options": {}}, "stream_options"),
        ({"tools": [5]}, "tools.0"),
        ({"tools": [{"name": "f"}]}, "tools.0.type"),
        ({"tools": [{"type": "function"}]}, "tools.0.name"),
        ({"tools": [FUNCTION] * 129}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required", "tools": [{"type": "web_search"}]}, "tool_choice"),
        ({"tool_choice": "any", "tools": [FUNCTION]}, "tool_choice"),
        ({"tool_choice": {"type": "function"}, "tools": [FUNCTION]}, "tool_choice.name"),
        ({"tool_choice": {"type": "function", "name": "x"}, "tools": [FUNCTION]}, "tool_choice"),
        ({"tool_choice": {"type": "web_search"}, "tools": [FUNCTION, {"type": "web_search"}]}, "tool_choice"),
        ({"tool_choice": {"type": "custom", "name": "x"}, "tools": [FUNCTION]}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}, "tools": [FUNCTION]}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_object"}}, "structured_outputs": {"regex": "a"}}, "text.format"),
        ({"chat_template_kwargs": {"tokenize": False}}, "chat_template_kwargs"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"n": 2}, "n"),
        ({"echo": True}, "echo"),
        ({"logprob_token_ids": [1]}, "logprob_token_ids"),
        ({"prompt_logprobs": 1}, "prompt_logprobs"),
        ({"return_token_ids": True}, "return_token_ids"),
        ({"return_tokens_as_token_ids": True}, "return_tokens_as_token_ids"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"messages": [HI]}, "messages"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        response(**fields).to_generation("id")
    assert wrong.value.param == param
    assert param.partition(".")[0] in wrong.value.message


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"max_tokens": 5}, "max_output_tokens"),
        ({"messages": [HI]}, "input"),
        ({"response_format": {"type": "json_object"}}, "text.format"),
        ({"previous_response_id": "resp_1"}, "input"),
    ],
)
def test_what_is_elsewhere_is_told(fields: dict[str, Any], hint: str) -> None:
    with pytest.raises(InvalidRequest, match=hint):
        response(**fields)
