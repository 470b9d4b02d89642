"""Whatever becomes of a good body on its way, it is answered, or refused as the client's mistake."""

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.app import create_app
from sluice.settings import Settings
from tests.fake import FakeEngine

SAMPLED = {
    "model": "demo", "n": 2, "max_tokens": 3, "min_tokens": 1, "temperature": 0.5, "top_p": 0.9, "top_k": 5,
    "seed": 7, "stop": ["END"], "logit_bias": {"5": -1}, "user": "ada",
}  # fmt: skip
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": 0}
SAID: dict[str, Any] = {
    "model": "demo", "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "Wait."},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [], "is_error": True}]},
        {"role": "system", "content": "Remember."}, {"role": "assistant", "content": "It"},
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}, "strict": True}], "tool_choice": {"type": "any"},
    "thinking": {"type": "disabled"}, "output_config": {"effort": "low", "format": None},
}  # fmt: skip
GOOD: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [
        SAMPLED
        | {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
                {"role": "user", "content": "Hi.", "name": "ada"},
                {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Hm."},
                {"role": "tool", "content": "sunny", "tool_call_id": "1"},
            ],
            "chat_template_kwargs": {"a": [1]}, "metadata": {"a": "b"}, "logprobs": True, "top_logprobs": 2,
        },
        SAMPLED
        | {
            "messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}], "stream": True,
            "stream_options": {"include_usage": True}, "tools": [], "response_format": {"type": "text"},
        },
    ],
    "/v1/completions": [
        SAMPLED | {"prompt": ["a", "b"], "logprobs": 1, "best_of": 2},
        SAMPLED | {"prompt": [[1, 2], [3]], "stream": True, "echo": False},
    ],
    "/v1/messages": [
        SAID | {"max_tokens": 3, "stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.9, "top_k": 5},
        SAID | {"max_tokens": 3, "stream": True, "metadata": {"user_id": "ada"}, "service_tier": "auto"},
    ],
    "/v1/messages/count_tokens": [SAID],
    "/v1/responses": [
        {
            "model": "demo", "max_output_tokens": 3, "temperature": 0.5, "metadata": {"a": "b"}, "stream": True,
            "instructions": "Be brief.", "include": ["message.output_text.logprobs"], "top_logprobs": 2,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
                {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]},
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "sunny"},
            ],
            "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}], "tool_choice": "auto",
        },
        {"model": "demo", "input": "Hi.", "text": {"format": {"type": "text"}}, "reasoning": {"effort": "low"}},
    ],
    "/v1/embeddings": [
        {"model": "demo", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 1, "user": "ada"},
        {"model": "demo", "input": [[1, 2], [3]], "truncate_prompt_tokens": 1, "truncation_side": "left"},
    ],
    "/v1/score": [
        {"model": "demo", "text_1": "a", "text_2": ["b", "c"]}, {"model": "demo", "data_1": "a", "data_2": "b"}
    ],
    "/v1/rerank": [{"model": "demo", "query": "a", "documents": ["b", "c"], "top_n": 1, "use_activation": False}],
    "/tokenize": [
        {"model": "demo", "prompt": "Hi.", "add_special_tokens": True, "return_token_strs": True},
        {
            "messages": [{"role": "user", "content": "Hi."}], "continue_final_message": False,
            "tools": [{"type": "function", "function": {"name": "f"}}], "chat_template_kwargs": {"a": [1]},
        },
    ],
    "/detokenize": [{"model": "demo", "tokens": [72, 105]}],
}  # fmt: skip
DONE = re.compile(rb"data: \[DONE\]\n\n\Z")
END = {
    "/v1/messages": re.compile(rb'data: {"type":"message_stop"}\n\n\Z'),
    "/v1/chat/completions": DONE,
    "/v1/completions": DONE,
    "/v1/responses": re.compile(rb"event: response\.(completed|incomplete)\n[^\n]+\n\n\Z"),
}
"""Of a stream that is complete."""
LEAVES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        1.0,
        1.5,
        2**31,
        2**63,
        2**64,
        10**30,
        1e308,
        "",
        "a",
        "user",
        "\0\n\x7f é😀",
        "k" * 300,
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each list or object in it, with each of its keys."""
    for key in list(range(len(value))) if isinstance(value, list) else list(value) if isinstance(value, dict) else []:
        yield value, key
        yield from places(value[key])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    path = draw(st.sampled_from(sorted(GOOD)))
    body = copy.deepcopy(draw(st.sampled_from(GOOD[path])))
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(places(body))))
        match draw(st.sampled_from(["replace", "remove", "add", "repeat"])):
            case "replace":
                holder[key] = draw(JSON)
            case "remove" if len(body) > 1:
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from([*SAMPLED, "role", "type", "text", "other"]))] = draw(JSON)
            case "repeat" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
    raw = json.dumps(body).encode()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(raw)))
        end = start + draw(st.integers(0, 5))
        raw = raw[:start] + draw(st.binary(max_size=3) | st.sampled_from([b"[", b"}", b'"', b"\\", b"1e9"])) + raw[end:]
    return path, raw


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[asyncio.Runner, FastAPI, FakeEngine]]:
    engine = FakeEngine(tasks=["generate", "embed", "score"])
    app = create_app(Settings.model_validate({"traffic": {"concurrency": 4}}), engine)
    with asyncio.Runner() as runner:
        runner.run(app.state.lifecycle.load())
        yield runner, app, engine


@given(request=bodies())
@settings(max_examples=300, deadline=None)
def test_a_body_that_was_changed_is_never_our_mistake(
    served: tuple[asyncio.Runner, FastAPI, FakeEngine], request: tuple[str, bytes]
) -> None:
    runner, app, engine = served
    path, body = request

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sluice") as client:
            return await client.post(path, content=body, headers={"Content-Type": "application/json"})

    answer = runner.run(post())
    assert answer.status_code in {200, 400, 404}, answer.text
    if answer.status_code != 200:
        assert len(answer.json()["error"]["message"]) < 500
    elif b"data: " in answer.content:
        assert END[path].search(answer.content)
    assert (app.state.controller.seats.taken, engine.live) == (0, {})
