"""Values that are of the wrong type or out of range, of one field each, and bodies that are no requests."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import CHAT, COMPLETIONS, TWO, Case, chat, completion
from tests.faithful.corpus.tools import OSLO, WEATHER, named

SHARED: dict[str, list[Any]] = {
    "model": ["nobody", 1, "", None],
    "temperature": [-0.1, 2.5, "0", True],
    "top_p": [0, -1, 1.1, "x"],
    "top_k": [-2, 1.5, "x"],
    "min_p": [-0.1, 1.1],
    "presence_penalty": [-2.1, 2.1, "x"],
    "frequency_penalty": [-2.1, 2.1],
    "repetition_penalty": [0, -1, 3],
    "logit_bias": [{"x": 1}, {"99999999": 1}, {"-1": 1}, [1], {"20": 101}, {"20": "x"}],
    "seed": [1.5, "x", 2**63],
    "stop": [1, [1], "", [""], ["a"] * 17],
    "stop_token_ids": ["x", [-1], [99999999], 17],
    "min_tokens": [-1, 61, "x"],
    "max_tokens": [0, -1, 1.5, "x", 2**40],
    "n": [0, -1, 1.5, "x", 100_000],
    "stream": ["x", 1],
    "stream_options": [{"include_usage": True}, "x", {}],
    "ignore_eos": ["x"],
    "bad_words": ["x", [1]],
    "allowed_token_ids": [[], [-1], [99999999], "x"],
    "truncate_prompt_tokens": [0, -2, 99999, "x"],
    "truncation_side": ["up"],
    "prompt_logprobs": [-1, -2, "x", 100],
    "thinking_token_budget": [-2, "x"],
    "priority": [1, "x"],
    "cache_salt": ["", 1],
    "use_beam_search": [True],
    "echo": ["x"],
    "request_id": [1],
    "kv_transfer_params": [{"a": 1}],
    "repetition_detection": ["x"],
    "stream_interval": [0],
    "response_format": [1],
    "structured_outputs": ["x", {"nobody": 1}],
    "return_token_ids": ["x"],
    "return_tokens_as_token_ids": ["x"],
    "vllm_xargs": ["x"],
}
OF_CHAT: dict[str, list[Any]] = {
    "logprobs": ["x", 2],
    "top_logprobs": [1, -1, 21, "x"],
    "max_completion_tokens": [0, -1, "x"],
    "tools": ["x", [{}], [{"type": "function"}], [{"type": "function", "function": {}}], [1], [{"type": "web_search"}]],
    "tool_choice": ["auto", "required", named("get_weather"), "any", {"type": "function"}, 1],
    "parallel_tool_calls": ["x"],
    "reasoning_effort": ["x", 1],
    "include_reasoning": ["x"],
    "chat_template_kwargs": ["x"],
    "add_generation_prompt": ["x"],
    "functions": [[{"name": "f"}]],
    "service_tier": ["nobody"],
}
OF_COMPLETIONS: dict[str, list[Any]] = {
    "prompt": [
        1,
        None,
        [],
        "",
        [[]],
        [""],
        {},
        [1.5],
        [-1],
        [99999999],
        [True],
        ["a", [1]],
        ["a", 1],
        "one two " * 20_000,
    ],
    "logprobs": [-1, 21, "x", True],
    "best_of": [0, 2, "x"],
    "suffix": ["x"],
}
BODIES = [b"", b"{", b"[]", b"null", b'"x"', b'{"model": "demo"}', b'{"model": NaN}', b"\xff", b"{}"]


def cases() -> Iterator[Case]:
    for field, values in (SHARED | OF_CHAT).items():
        for value in values:
            yield chat(f"{field}: {shown(value)}", **{field: value})
    for field, values in (SHARED | OF_COMPLETIONS).items():
        for value in values:
            yield completion(f"{field}: {shown(value)}", **{field: value})
    for choice in (named("nobody"), "any", {"type": "nobody"}, {}):
        yield chat(f"tools with the choice {choice}", OSLO, tools=[WEATHER], tool_choice=choice)
    yield chat("top_logprobs beyond the server's most", logprobs=True, top_logprobs=21)
    yield chat("top_logprobs of everything", logprobs=True, top_logprobs=-1)
    yield chat("two limits, one of them too large", max_tokens=5, max_completion_tokens=2**40)
    yield completion("echo without tokens, streamed", echo=True, max_tokens=0, stream=True)
    yield completion("prompt_logprobs, streamed", prompt_logprobs=1, stream=True)
    yield chat("prompt_logprobs, streamed", prompt_logprobs=1, stream=True)
    yield completion("best_of, streamed", best_of=2, stream=True, **TWO)
    for path in (CHAT, COMPLETIONS):
        for body in BODIES:
            yield Case(f"the body {body!r} at {path}", path, body)


def shown(value: Any) -> str:
    return repr(value) if len(repr(value)) < 60 else f"{repr(value)[:40]}…"
