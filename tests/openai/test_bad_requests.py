"""Whatever a body holds: a GenerationRequest, or one InvalidRequest that names the field."""

import contextlib
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluice.errors import SHOWN_CHARACTERS, InvalidRequest
from sluice.openai.chat.models import ChatCompletionRequest
from sluice.openai.chat.translation import ChatCall
from sluice.openai.completions.models import CompletionRequest
from sluice.openai.completions.translation import CompletionCall
from sluice.openai.sampling import GenerationBody
from sluice.wire.template_arguments import RESERVED
from tests.held import old_heap_left_out
from tests.openai.examples import CHAT, COMPLETION, chat, completion

KINDS = [ChatCompletionRequest, CompletionRequest]
BAD_IN_BOTH: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": 1}, "model"),
    ({"stream": 1}, "stream"),
    ({"stream": "true"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": True}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
    ({"n": 0}, "n"),
    ({"n": 129}, "n"),
    ({"n": True}, "n"),
    ({"n": 1.5}, "n"),
    ({"n": 1e300}, "n"),
    ({"n": "1"}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": "5"}, "max_tokens"),
    ({"max_tokens": 10.5}, "max_tokens"),
    ({"max_tokens": 0.0}, "max_tokens"),
    ({"max_tokens": 2**31}, "max_tokens"),
    ({"max_tokens": 5, "min_tokens": 6}, "min_tokens"),
    ({"min_tokens": -1}, "min_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": 10**400}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.1}, "top_p"),
    ({"top_k": -2}, "top_k"),
    ({"top_k": 2**31}, "top_k"),
    ({"min_p": 1.1}, "min_p"),
    ({"presence_penalty": -2.1}, "presence_penalty"),
    ({"frequency_penalty": 2.1}, "frequency_penalty"),
    ({"repetition_penalty": 0}, "repetition_penalty"),
    ({"seed": 2**63}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"stop": ""}, "stop"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", ""]}, "stop.1"),
    ({"stop": ["a", 5]}, "stop.1"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"stop": [5] * 100_000}, "stop"),
    ({"stop": ["a", "b" * 257]}, "stop.1"),
    ({"stop": "b" * 257}, "stop"),
    ({"logit_bias": []}, "logit_bias"),
    ({"logit_bias": {str(token): 1 for token in range(1025)}}, "logit_bias"),
    ({"logit_bias": {"1": 1, "2": None}}, "logit_bias.2"),
    ({"logit_bias": {"one": 1}}, "logit_bias.one"),
    ({"logit_bias": {"-1": 1}}, "logit_bias.-1"),
    ({"logit_bias": {"1": 101}}, "logit_bias.1"),
    ({"logit_bias": {"1": True}}, "logit_bias.1"),
    ({"ignore_eos": "no"}, "ignore_eos"),
    ({"stop_token_ids": 5}, "stop_token_ids"),
    ({"stop_token_ids": [1, -1]}, "stop_token_ids.1"),
    ({"stop_token_ids": [1.5]}, "stop_token_ids.0"),
    ({"stop_token_ids": [1] * 4097}, "stop_token_ids"),
    ({"bad_words": ["a", ""]}, "bad_words.1"),
    ({"bad_words": ["a"] * 33}, "bad_words"),
    ({"bad_words": ["a" * 65]}, "bad_words.0"),
    ({"allowed_token_ids": []}, "allowed_token_ids"),
    ({"allowed_token_ids": [1] * 4097}, "allowed_token_ids"),
    ({"logprob_token_ids": [1]}, "logprob_token_ids"),
    ({"logprob_token_ids": [1] * 129}, "logprob_token_ids"),
    ({"prompt_logprobs": -1}, "prompt_logprobs"),
    ({"prompt_logprobs": 21}, "prompt_logprobs"),
    ({"prompt_logprobs": 1, "stream": True}, "prompt_logprobs"),
    ({"truncate_prompt_tokens": -2}, "truncate_prompt_tokens"),
    ({"truncation_side": "middle"}, "truncation_side"),
    ({"thinking_token_budget": -2}, "thinking_token_budget"),
    ({"cache_salt": ""}, "cache_salt"),
    ({"cache_salt": "a" * 1025}, "cache_salt"),
    ({"request_id": ""}, "request_id"),
    ({"request_id": "a" * 129}, "request_id"),
    ({"priority": 1}, "priority"),
    ({"use_beam_search": True}, "use_beam_search"),
    ({"watermarking": True}, "watermarking"),
    ({"repetition_detection": {"max_pattern_size": 3}}, "repetition_detection"),
    ({"kv_transfer_params": {"a": 1}}, "kv_transfer_params"),
    ({"ec_transfer_params": {"a": 1}}, "ec_transfer_params"),
    ({"vllm_xargs": {"a": 1}}, "vllm_xargs"),
]


@pytest.mark.parametrize("make", [chat, completion])
@pytest.mark.parametrize(("fields", "param"), BAD_IN_BOTH)
def test_both(make: Any, fields: dict[str, Any], param: str) -> None:
    refused(make, fields, param)


def message(**fields: Any) -> dict[str, Any]:
    return {"messages": [CHAT["messages"][0], fields]}


def call(**fields: Any) -> dict[str, Any]:
    whole = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return message(role="assistant", tool_calls=[whole | fields])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi."}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": ["Hi."]}, "messages.0"),
        ({"messages": [None]}, "messages.0"),
        (message(content="Hi."), "messages.1.role"),
        (message(role="function", content="Hi."), "messages.1.role"),
        (message(role=["user"], content="Hi."), "messages.1.role"),
        (message(role="user"), "messages.1.content"),
        (message(role="user", content=None), "messages.1.content"),
        (message(role="user", content=5), "messages.1.content"),
        (message(role="user", content=[{"type": "refusal"}]), "messages.1.content.0.refusal"),
        (message(role="user", content=[{"type": "text", "text": 5}]), "messages.1.content.0.text"),
        (message(role="user", content=[{"text": "Hi."}]), "messages.1.content.0.type"),
        # names of kinds, which a body may have as keys as well
        (message(role="user", content=5, user={"content": 1}), "messages.1.content"),
        (message(role="tool", content="Hi.", tool={"tool_call_id": 1}), "messages.1.tool_call_id"),
        (message(role="user", content=["Hi."]), "messages.1.content.0"),
        (message(role="user", content=[{"type": "text"}]), "messages.1.content.0.text"),
        (
            message(role="user", content=[{"type": "text", "text": "What is it?"}, {"type": "image_url"}]),
            "messages.1.content.1.type",
        ),
        (message(role="user", content="Hi.", name=5), "messages.1.name"),
        (message(role="assistant", content="Hi.", audio={"id": "1"}), "messages.1.audio"),
        (message(role="assistant", content="Hi.", function_call={"name": "f"}), "messages.1.function_call"),
        (message(role="tool", content="Hi."), "messages.1.tool_call_id"),
        (message(role="assistant", reasoning=5), "messages.1.reasoning"),
        (message(role="assistant", tool_calls=[{}] * 129), "messages.1.tool_calls"),
        (message(role="assistant", tool_calls=[{}] * 128), "messages.1.tool_calls.0.id"),
        (message(role="user", content=[{"type": "text", "text": ""}] * 1025), "messages.1.content"),
        ({"messages": [{"role": "user", "content": ""}] * 2049}, "messages"),
        (message(role="user", content="", **{f"k{i}": i for i in range(127)}), "messages.1"),
        (call(type="custom"), "messages.1.tool_calls.0.type"),
        (call(function=None), "messages.1.tool_calls.0.function"),
        (call(function={"name": "f", "arguments": {}}), "messages.1.tool_calls.0.function.arguments"),
        ({"logprobs": 1}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_completion_tokens": 5, "min_tokens": 6}, "min_tokens"),
        ({"max_completion_tokens": 5, "max_tokens": 6}, "max_tokens"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs"),
        *[({"chat_template_kwargs": {key: None}}, "chat_template_kwargs") for key in sorted(RESERVED)],
        ({"service_tier": "priority"}, "service_tier"),
        ({"store": True}, "store"),
        ({"chat_template": "{{ messages }}"}, "chat_template"),
        ({"documents": [{"text": 5}]}, "documents.0.text"),
        ({"store": 0}, "store"),
        ({"response_format": {"type": "json"}}, "response_format.type"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"top_logprobs": 2.5, "logprobs": True}, "top_logprobs"),
    ],
)
def test_chat(fields: dict[str, Any], param: str) -> None:
    refused(chat, fields, param)


BAD_PROMPTS: list[Any] = [
    None, 5, [], [[]], [1, []], ["a", 1], [[1], "a"], [True], [-1], [2**31], [1.5], {"a": 1}, ["a"] * 1025,
    [[1], [1.5]], [1, True], [[1], []], [None],
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        *[({"prompt": prompt}, "prompt") for prompt in BAD_PROMPTS],
        ({"prompt": ["a"] * 1025}, "prompt"),
        ({"prompt": ["a"] * 9, "n": 128}, "n"),
        ({"min_tokens": 17}, "min_tokens"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"best_of": True}, "best_of"),
        ({"echo": 0}, "echo"),
        ({"max_tokens": -1, "echo": True}, "max_tokens"),
        ({"max_tokens": 0, "echo": True, "logprobs": 1, "logprob_token_ids": [1]}, "logprob_token_ids"),
        ({"prompt_embeds": "AAAA"}, "prompt_embeds"),
        ({"suffix": "."}, "suffix"),
    ],
)
def test_completions(fields: dict[str, Any], param: str) -> None:
    refused(completion, fields, param)


def refused(make: Any, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        make(**fields)
    assert error.value.param == param
    assert param.split(".", maxsplit=1)[0] in error.value.message
    assert "\n" not in error.value.message


def test_the_same_mistake_elsewhere_is_told_with_it() -> None:
    with pytest.raises(InvalidRequest) as error:
        chat(logit_bias={f"bad{number}": 1 for number in range(9)}, logprobs=5)
    told = [f"logit_bias.bad{number}" in error.value.message for number in range(9)]
    assert (told, error.value.param) == ([True] * 4 + [False] * 5, "logit_bias.bad0")
    assert "logprobs" not in error.value.message
    with pytest.raises(InvalidRequest, match=r"^model is required\. messages is required\.$"):
        ChatCall.parse(b"{}")


DEEP = 100_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}x",
        b"[]",
        b'"text"',
        b"null",
        b"\xff",
        b'{"model": "\xff"}',
        b'{"model": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"temperature": NaN}',
        b'{"temperature": Infinity}',
        b'{"temperature": 1e999}',
        b"[" * DEEP,
        b'{"a":' * DEEP,
        b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"a": {"b":' * 40 + b"1" + b"}}" * 40,
        b'{"seed": 1' + b"0" * 10_000 + b"}",
        b'{"seed": 1' + b"0" * 1_000_000 + b"}",
        b'{"temperature": 1e400}',
        b'{"temperature": -1e400}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "' + b"\\n" * 500_000 + b'"}',
        b"{" + b'"a": 1,' * 200_000 + b'"a": 1}',
        b'{"a": [' + b"{}," * 300_000 + b"{}]}",
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
def test_not_a_json_object(kind: type[GenerationBody], body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        kind.parse(body)


HUGE = "k" * 1_000_000


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": HUGE, "content": "Hi."}]},
        {"messages": [{"role": "user", "content": [{"type": HUGE}]}]},
        {"logit_bias": {HUGE: 1}},
        {"service_tier": HUGE},
        {"stream": HUGE},
        {"chat_template_kwargs": {HUGE: 1}, "tools": [HUGE]},
    ],
    ids=lambda fields: next(iter(fields))[:20],
)
def test_nothing_huge_is_echoed(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as error:
        chat(**fields)
    assert HUGE[: SHOWN_CHARACTERS + 1] not in error.value.message
    assert len(error.value.message) < SHOWN_CHARACTERS + 100
    assert len(error.value.param or "") <= SHOWN_CHARACTERS


CALLS = {"role": "assistant", "tool_calls": [{}] * 250_000}
EMPTY = {"role": "user", "content": ""}
MANY: dict[str, dict[str, Any]] = {
    "tool calls": {"messages": [CALLS]},
    "empty messages": {"messages": [{}] * 150_000},
    "short messages": {"messages": [EMPTY] * 110_000},
    "as many messages as may be": {"messages": [EMPTY] * 2048},
    "biases": {"logit_bias": {str(token): 1 for token in range(250_000)}},
    "wrong biases": {"logit_bias": {f"x{token}": None for token in range(30_000)}},
    "stops": {"stop": ["a"] * 780_000},
    "numbers for stops": {"stop": [0] * 400_000},
    "numbers for messages": {"messages": [5] * 200_000},
    "parts": {"messages": [{"role": "user", "content": [{}] * 200_000}]},
    "numbers for parts": {"messages": [{"role": "user", "content": [5] * 200_000}]},
    "unknown fields": {f"k{number}": 0 for number in range(60_000)},
    "unknown fields of a message": {"messages": [{f"k{number}": 0 for number in range(60_000)}]},
    "wrong in each of many": {"messages": [CALLS | {"tool_calls": [{}] * 100}] * 600},
    "documents": {"documents": [{str(key): 0 for key in range(60_000)}]},
    "wrong in each of many documents": {"documents": [{str(key): 0 for key in range(100)}] * 600},
    "metadata": {"metadata": [{}] * 300_000},
    "metadata that may be": {"metadata": [{"": 0}] * 30_000},
    "arguments of the template": {"chat_template_kwargs": {"a": [{"": 0}] * 30_000}},
    "a text of brackets": {"messages": [{"role": "user", "content": '{[,"\\' * 300_000}]},
}


@pytest.mark.parametrize("fields", MANY.values(), ids=MANY)
def test_no_body_is_long_in_reading_or_makes_much_of_itself(fields: dict[str, Any]) -> None:
    body = json.dumps(CHAT | fields, separators=(",", ":")).encode()
    with old_heap_left_out():
        begin = time.thread_time()
        with contextlib.suppress(InvalidRequest):
            ChatCall.parse(body)
        assert time.thread_time() - begin < 0.2  # seconds, all in all
    tracemalloc.start()
    try:
        with contextlib.suppress(InvalidRequest):
            ChatCall.parse(body)
        assert tracemalloc.get_traced_memory()[1] < 30 * len(body)
    finally:
        tracemalloc.stop()


WRONG_THROUGHOUT: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{}] * 2048},
    "parts": {"messages": [{"role": "user", "content": [{}] * 1000}]},
    "documents": {"documents": [{"": 0}] * 1000},
    "stops": {"stop": [0] * 16},
    "tools": {"tools": [{}] * 128},
    "choices": {"structured_outputs": {"choice": [0] * 16}},
    "choices by their old name": {"guided_choice": [0] * 16},
    "token ids": {"stop_token_ids": ["a"] * 16},
}


@pytest.mark.parametrize("fields", WRONG_THROUGHOUT.values(), ids=WRONG_THROUGHOUT)
def test_the_first_wrong_entry_is_the_only_one_of_which_an_error_is_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        ChatCompletionRequest.model_validate(CHAT | fields)
    assert error.value.error_count() == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool", "other"])
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text()}) | JSON, max_size=3)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": ROLES, "content": st.text() | PARTS | JSON}, optional={"tool_calls": JSON}) | JSON
)


@pytest.mark.parametrize(("kind", "body"), [(ChatCall, CHAT), (CompletionCall, COMPLETION)])
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_value_in_any_field(
    kind: type[ChatCall] | type[CompletionCall], body: dict[str, Any], data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.sampled_from(sorted(kind.model_fields)), min_size=1, max_size=3))
    fields = {key: data.draw(MESSAGES if key == "messages" else JSON) for key in keys}
    with contextlib.suppress(InvalidRequest):
        kind.parse(json.dumps(body | fields).encode()).to_generation("id")


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=100, deadline=None)
def test_any_body(kind: type[GenerationBody], body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        kind.parse(body)
