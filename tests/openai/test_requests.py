"""From a body to a GenerationRequest."""

import json
from typing import Any, get_type_hints

import pytest
from openai.types import completion_create_params as completion_params
from openai.types.chat import ChatCompletionStreamOptionsParam as StreamOptionParam
from openai.types.chat import completion_create_params as chat_params
from vllm.entrypoints.generate.base import protocol as vllm_base
from vllm.entrypoints.openai.chat_completion import protocol as chat_protocol
from vllm.entrypoints.openai.completion import protocol as completion_protocol

from sluice.engine.base import Chat, GenerationRequest, Sampling
from sluice.errors import InvalidRequest
from sluice.openai.chat.translation import ChatCall
from sluice.openai.sampling import StreamOptions
from sluice.wire.ignored import LONGEST_IGNORED, MOST_IGNORED
from tests.openai.examples import CHAT, chat, completion


def test_what_is_not_given_is_left_to_sampling() -> None:
    assert chat().to_generation("id") == GenerationRequest(
        "id", (Chat([{"role": "user", "content": "Hi."}]),), Sampling()
    )
    assert completion().to_generation("id") == GenerationRequest("id", ("Hi.",), Sampling(max_tokens=16))


FIELDS: dict[str, Any] = {
    "temperature": 0,
    "top_p": 0.5,
    "top_k": 3,
    "min_p": 0.1,
    "min_tokens": 2,
    "max_tokens": 9,
    "seed": -(2**63),
    "presence_penalty": 1,
    "frequency_penalty": -2,
    "repetition_penalty": 1.1,
    "ignore_eos": True,
    "include_stop_str_in_output": True,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "thinking_token_budget": 7,
    "prompt_logprobs": 2,
    "cache_salt": "salt",
}
LISTS: dict[str, Any] = {"stop_token_ids": [3, 4], "bad_words": ["a", " b"], "allowed_token_ids": [5, 6]}


@pytest.mark.parametrize("make", [chat, completion])
def test_every_sampling_field_arrives(make: Any) -> None:
    generation = make(**FIELDS, **LISTS, n=2, stop="END", logit_bias={"12": -100, "7": 1.5}).to_generation("id")
    assert generation.n == 2
    lists: dict[str, Any] = {name: tuple(values) for name, values in LISTS.items()}
    assert generation.sampling == Sampling(
        **FIELDS,
        **lists,
        stop=("END",),
        logit_bias={12: -100, 7: 1.5},
    )
    assert make(stop=["a", "b"]).to_generation("id").sampling.stop == ("a", "b")


@pytest.mark.parametrize("make", [chat, completion])
def test_json_has_one_kind_of_number(make: Any) -> None:
    whole: dict[str, Any] = {
        "prompt_logprobs": 1, "truncate_prompt_tokens": 5, "thinking_token_budget": 5, "priority": 0,
    }  # fmt: skip
    whole |= {
        "max_tokens": 9,
        "min_tokens": 2,
        "top_k": -1,
        "seed": 1,
        "n": 2,
        "logit_bias": {"1": 5},
        "temperature": 1,
    }
    lists = {"stop_token_ids": [3], "allowed_token_ids": [5]}
    assert make(**{name: [float(number) for number in ids] for name, ids in lists.items()}) == make(**lists)
    broken = {key: float(value) if isinstance(value, int) else value for key, value in whole.items()}
    assert make(**broken).to_generation("id") == make(**whole).to_generation("id")


def test_token_ids_are_numbers_of_either_kind() -> None:
    assert completion(prompt=[1.0, 2]).to_generation("id").prompts == ([1, 2],)
    assert chat(logprobs=True, top_logprobs=2.0).to_generation("id").sampling.logprobs == 2
    assert completion(logprobs=2.0, n=2, best_of=2.0).to_generation("id").sampling.logprobs == 2


def test_a_byte_order_mark_is_read() -> None:
    assert ChatCall.parse(b"\xef\xbb\xbf" + json.dumps(CHAT).encode()) == chat()


@pytest.mark.parametrize("make", [chat, completion])
def test_null_is_the_same_as_not_given(make: Any) -> None:
    kind = type(make())
    given = {"model", "messages", "prompt"}
    assert make(**dict.fromkeys(set(kind.model_fields) - given)) == make()


VLLMS = [(chat, chat_protocol.ChatCompletionRequest), (completion, completion_protocol.CompletionRequest)]
VLLM_FIELDS = [
    (make, name, field)
    for make, kind in VLLMS
    for name, field in kind.model_fields.items()
    if name not in {"model", "messages", "prompt"}
]
MADE_ANEW = {"request_id"}
"""What has no default that stays the same."""


@pytest.mark.parametrize(
    ("make", "name", "field"), VLLM_FIELDS, ids=lambda value: getattr(value, "__name__", str(value)[:30])
)
def test_every_field_of_vllm_is_known_and_neutral_as_it_is_by_default(make: Any, name: str, field: Any) -> None:
    assert name in type(make()).model_fields
    default = None if name in MADE_ANEW else field.get_default(call_default_factory=True)
    neutral = make(**{name: default})
    assert neutral.ignored == ()
    assert neutral.to_generation("id").sampling == make().to_generation("id").sampling


def test_every_option_of_a_stream_is_known() -> None:
    names = {*vllm_base.StreamOptions.model_fields, *get_type_hints(StreamOptionParam)}
    assert names == set(StreamOptions.model_fields)


def test_unknown_fields_are_told_where_they_are() -> None:
    content = [{"type": "text", "text": "a", "x y": 1}, {"type": "text", "text": "b", "x y": 2}]
    asked = chat(
        colour=1,
        messages=[{"role": "user", "content": content, "mood": None}],
        tools=[{"type": "function", "function": {"name": "f", "size": 1}}],
        metadata={"anything": 1},
        chat_template_kwargs={"anything": 1},
        **{"new\r\nline,": 1},
    )
    assert asked.ignored == (
        "colour", "new??line?", "messages.mood", "messages.content.x?y", "tools.function.size",
    )  # fmt: skip
    assert chat().ignored == ()
    many = completion(**{f"k{number}" + "x" * 100: 1 for number in range(50)})
    assert [len(path) for path in many.ignored] == [LONGEST_IGNORED] * MOST_IGNORED


def test_names_of_the_limit() -> None:
    assert chat(max_tokens=5).to_generation("id").sampling.max_tokens == 5
    assert chat(max_completion_tokens=6).to_generation("id").sampling.max_tokens == 6
    assert chat(max_tokens=7, max_completion_tokens=7).to_generation("id").sampling.max_tokens == 7


def test_logprobs() -> None:
    assert chat(logprobs=True).to_generation("id").sampling.logprobs == 0
    assert chat(logprobs=True, top_logprobs=3).to_generation("id").sampling.logprobs == 3
    assert chat(logprobs=False, top_logprobs=0).to_generation("id").sampling.logprobs is None
    assert completion(logprobs=0).to_generation("id").sampling.logprobs == 0


def test_stream_options() -> None:
    assert chat(stream=True, stream_options={"include_usage": True}).include_usage
    assert not chat(stream=True, stream_options={"include_obfuscation": False}).include_usage
    assert not chat(stream=True).include_usage


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ([1, 2],)),
        ([[1, 2], [3]], ([1, 2], [3])),
        ("", ("",)),
    ],
)
def test_prompts(prompt: Any, prompts: tuple[Any, ...]) -> None:
    generation = completion(prompt=prompt, n=2).to_generation("id")
    assert generation.prompts == prompts
    assert generation.sequences == 2 * len(prompts)


def test_chat_template_kwargs() -> None:
    kwargs = {"enable_thinking": True, "documents": [{"a": 1.5}]}
    (prompt,) = chat(chat_template_kwargs=kwargs).to_generation("id").prompts
    assert isinstance(prompt, Chat)
    assert prompt.template_kwargs == kwargs


# OpenAI's own list of fields: each is served, dropped because it changes no answer, or refused.

DROPPED = {
    "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
}  # fmt: skip
SERVED = {
    "model", "messages", "prompt", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "stop", "logprobs",
    "top_logprobs", "service_tier", "best_of", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort",
    "response_format", "echo",
}  # fmt: skip
ROUTES = [
    (chat, chat_params.CompletionCreateParamsStreaming),
    (chat, chat_params.CompletionCreateParamsNonStreaming),
    (completion, completion_params.CompletionCreateParamsStreaming),
    (completion, completion_params.CompletionCreateParamsNonStreaming),
]
KEYS = sorted({(make.__name__, key) for make, params in ROUTES for key in get_type_hints(params)})


@pytest.mark.parametrize(("route", "key"), KEYS)
def test_no_field_of_openai_is_silently_ignored(route: str, key: str) -> None:
    make: Any = {"chat": chat, "completion": completion}[route]
    if key in DROPPED:
        assert make(**{key: {"any": "thing"}}).to_generation("id") == make().to_generation("id")
    elif key in SERVED:
        with pytest.raises(InvalidRequest) as wrong:
            make(**{key: {"no": ["such", "value"]}})
        assert wrong.value.param is not None
        assert wrong.value.param.split(".")[0] == key
    else:
        with pytest.raises(InvalidRequest, match=f"^{key} is not served.$") as refused:
            make(**{key: "value"})
        assert refused.value.param == key


@pytest.mark.parametrize(
    "fields",
    [
        {"store": False}, {"tools": []}, {"functions": []}, {"tool_choice": "none"}, {"function_call": "none"},
        {"response_format": {"type": "text"}}, {"modalities": ["text"]}, {"service_tier": "auto"},
        {"service_tier": "default"}, {"service_tier": "flex"},
    ],
)  # fmt: skip
def test_neutral_values_of_what_is_not_served(fields: dict[str, Any]) -> None:
    assert chat(**fields).to_generation("id") == chat().to_generation("id")


def test_neutral_values_of_completions() -> None:
    plain = completion(n=3).to_generation("id")
    assert completion(n=3, echo=False, best_of=3, suffix=None).to_generation("id") == plain
