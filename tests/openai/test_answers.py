"""Every object that is sent is one of the openai package's."""

import json
import math
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.shared import ErrorObject

from sluice.engine.base import Delta, FinishReason, More, TokenLogprob
from sluice.openai.chunks import Chunks
from sluice.openai.errors import encode_error
from sluice.openai.models import model_list
from sluice.wire.endpoint import Problem
from tests.openai.examples import ABOUT, USED, chat, completion

TOP = (TokenLogprob("a", -0.5), TokenLogprob("é", -1.5), TokenLogprob("ab", -2.5))
TOKENS = (TokenLogprob("ab", -2.5, TOP), TokenLogprob("é", -math.inf, TOP))
DELTAS = [
    Delta("One", 1),
    Delta("", 1),
    Delta(' "two"\n\n\u2028😀', 2),
    Delta("ab", 1, None, TOKENS[:1]),
    Delta("é", 1, "stop", TOKENS[1:]),
]
ENDINGS: tuple[FinishReason | None, ...] = (None, "stop", "length")
USAGE = {
    "prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}  # fmt: skip
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def events(stream: Iterable[bytes]) -> list[Any]:
    """The JSON of every event; `[DONE]` as text."""
    whole = b"".join(stream).decode()
    assert whole.endswith("\n\n")
    data = whole.removesuffix("\n\n").split("\n\n")
    assert all(each.startswith("data: ") and "\n" not in each for each in data)
    return [each[6:] if each == "data: [DONE]" else json.loads(each[6:]) for each in data]


def played(chunks: Chunks) -> list[Any]:
    return events([chunks.first(), *(chunks.delta(0, delta) for delta in DELTAS), chunks.last(USED)])


def whole(request: Any, sequences: int = 1) -> Any:
    """The answer that is not streamed, made of the same deltas for each sequence."""
    collected = [request.collected() for _ in range(sequences)]
    for sequence, delta in product(collected, DELTAS):
        sequence.put(delta)
    return json.loads(b"".join(request.whole(ABOUT, collected, USED)))


def chat_logprob(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


CHAT_TOP = [chat_logprob("a", -0.5), chat_logprob("é", -1.5)]
CHAT_LOGPROBS = [
    chat_logprob("ab", -2.5) | {"top_logprobs": CHAT_TOP},
    chat_logprob("é", -9999) | {"top_logprobs": CHAT_TOP},
]
COMPLETION_TOP = {"a": -0.5, "é": -1.5, "ab": -2.5}


def test_chat_stream() -> None:
    *chunks, usage, done = played(chat(**WITH_USAGE, logprobs=True, top_logprobs=2).encoder(ABOUT))
    assert done == "[DONE]"
    for chunk in [*chunks, usage]:
        ChatCompletionChunk.model_validate(chunk)
        assert {key: chunk[key] for key in ("id", "object", "created", "model")} == {
            "id": "id-1", "object": "chat.completion.chunk", "created": 123, "model": "demo",
        }  # fmt: skip
    assert all(chunk["usage"] is None for chunk in chunks)
    assert usage["choices"] == []
    assert usage["usage"] == USAGE
    opening, *choices = (chunk["choices"][0] for chunk in chunks)
    assert opening == {
        "index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None,
    }  # fmt: skip
    assert [choice["delta"] for choice in choices] == [{"content": delta.text} for delta in DELTAS]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, None, "stop"]
    assert [choice["logprobs"] for choice in choices[:3]] == [None] * 3
    assert [choice["logprobs"] for choice in choices[3:]] == [
        {"content": [entry], "refusal": None} for entry in CHAT_LOGPROBS
    ]


def test_completion_stream() -> None:
    *chunks, usage, done = played(completion(**WITH_USAGE, logprobs=2).encoder(ABOUT))
    assert done == "[DONE]"
    for chunk in [*chunks, usage]:
        assert {key: chunk[key] for key in ("id", "object", "created", "model")} == {
            "id": "id-1", "object": "text_completion", "created": 123, "model": "demo",
        }  # fmt: skip
    # The package's type has no place for the null that OpenAI itself sends before the end.
    ended = [{**chunk, "choices": [{**c, "finish_reason": "stop"} for c in chunk["choices"]]} for chunk in chunks]
    for chunk in [*ended, usage]:
        Completion.model_validate(chunk)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 16)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["text"] for choice in choices] == [delta.text for delta in DELTAS]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, None, "stop"]
    assert [choice["logprobs"] for choice in choices] == [
        None,
        None,
        None,
        {"text_offset": [0], "token_logprobs": [-2.5], "tokens": ["ab"], "top_logprobs": [COMPLETION_TOP]},
        {"text_offset": [2], "token_logprobs": [-9999], "tokens": ["é"], "top_logprobs": [COMPLETION_TOP]},
    ]
    told = [choice["logprobs"] for choice in choices[3:]]
    assert [next(iter(each["top_logprobs"][0])) for each in told] == [each["tokens"][0] for each in told]


@pytest.mark.parametrize("make", [chat, completion])
def test_usage_is_absent_when_nobody_asked(make: Any) -> None:
    *chunks, done = played(make(stream=True).encoder(ABOUT))
    assert done == "[DONE]"
    assert all("usage" not in chunk for chunk in chunks)
    assert all(chunk["choices"] for chunk in chunks)


def test_an_end_without_a_text_says_nothing() -> None:
    for sequences, more in product((chat(), chat(logprobs=True)), (None, More(stop_reason="x"))):
        logprobs = TOKENS[:1] if sequences.logprobs else None
        (end,) = events([sequences.encoder(ABOUT).delta(0, Delta("", 1, "stop", logprobs, more))])
        assert end["choices"][0]["delta"] == {}
    (end,) = events([completion().encoder(ABOUT).delta(0, Delta("", 1, "stop"))])
    assert end["choices"][0]["text"] == ""


def test_who_names_no_model_is_told_the_one_that_answers() -> None:
    for asked in (chat(model=None), completion(model=None)):
        streamed = events([asked.encoder(ABOUT).delta(0, Delta("x", 1))])
        assert (streamed[0]["model"], whole(asked, sequences=1)["model"]) == (ABOUT.model, ABOUT.model)


def test_every_choice_has_its_own_index_and_offsets() -> None:
    chunks = chat(n=3).encoder(ABOUT)
    assert [chunk["choices"][0]["index"] for chunk in events([chunks.first()])] == [0, 1, 2]
    sequences = completion(prompt=["a", "b"], n=2, logprobs=0).encoder(ABOUT)
    for index in range(4):
        plain, wordy = events([sequences.delta(index, Delta("x", 1)), sequences.delta(index, DELTAS[3])])
        assert plain["choices"][0]["index"] == wordy["choices"][0]["index"] == index
        assert wordy["choices"][0]["logprobs"]["text_offset"] == [0]


def test_chat_completion() -> None:
    body = whole(chat(logprobs=True, top_logprobs=2, n=2), sequences=2)
    ChatCompletion.model_validate(body)
    choice = {
        "message": {"role": "assistant", "content": 'One "two"\n\n\u2028😀abé', "refusal": None, "reasoning": None},
        "logprobs": {"content": CHAT_LOGPROBS, "refusal": None},
        "finish_reason": "stop",
        "stop_reason": None,
        "token_ids": None,
    }
    assert body == {
        "id": "id-1",
        "object": "chat.completion",
        "created": 123,
        "model": "demo",
        "choices": [{"index": 0} | choice, {"index": 1} | choice],
        "usage": USAGE,
        "system_fingerprint": "sluice-test",
        "service_tier": "default",
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
    }


def test_completion() -> None:
    body = whole(completion(logprobs=2))
    Completion.model_validate(body)
    assert body == {
        "id": "id-1",
        "object": "text_completion",
        "created": 123,
        "model": "demo",
        "choices": [
            {
                "index": 0,
                "text": 'One "two"\n\n\u2028😀abé',
                "logprobs": {
                    "text_offset": [0, 2],
                    "token_logprobs": [-2.5, -9999],
                    "tokens": ["ab", "é"],
                    "top_logprobs": [COMPLETION_TOP, COMPLETION_TOP],
                },
                "finish_reason": "stop",
                "stop_reason": None,
                "prompt_logprobs": None,
                "prompt_token_ids": None,
                "token_ids": None,
            }
        ],
        "system_fingerprint": "sluice-test",
        "usage": USAGE,
    }


def test_no_logprobs_are_null() -> None:
    assert whole(chat())["choices"][0]["logprobs"] is None
    assert whole(completion())["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("make", [chat, completion])
@given(text=st.text())
@settings(max_examples=200, deadline=None)
def test_the_fast_way_sends_what_the_slow_way_sends(make: Any, text: str) -> None:
    chunks = make(**WITH_USAGE, n=2).encoder(ABOUT._replace(id='an "id"'))
    for index, ending in product((0, 1), ENDINGS):
        delta = Delta(text, 1, ending)
        fast = chunks.delta(index, delta)
        slow = chunks.encode(index, chunks.plain(index, text, ending), ending is not None)
        assert events([fast]) == events([slow])


def test_models() -> None:
    body = json.loads(model_list(["demo", "small"], "/models/demo", {}, 123, 4096).encode())
    assert body["object"] == "list"
    assert [Model.model_validate(card).id for card in body["data"]] == ["demo", "small"]
    assert body["data"][1] == {
        "id": "small", "object": "model", "created": 123, "owned_by": "sluice", "root": "/models/demo", "parent": None,
        "max_model_len": 4096,
    }  # fmt: skip


def test_an_error() -> None:
    body = json.loads(encode_error(Problem(400, "invalid_request_error", 'A "message".', None, "code")))
    assert body == {
        "error": {"message": 'A "message".', "type": "invalid_request_error", "param": None, "code": "code"}
    }
    ErrorObject.model_validate(body["error"])
