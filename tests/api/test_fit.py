"""What fits into the model's context, and into the server: refused with what has to change, or shortened."""

import hashlib
from typing import Any

import pytest

from tests.api.in_time import Start
from tests.fake import CONTEXT
from tests.test_lifecycle import counting

MESSAGES = [{"role": "user", "content": "hello"}]
KEY = f"sha256:{hashlib.sha256(b'sk-a').hexdigest()}"
BEGINNING = "This model's maximum context length is 4096 tokens"


def saying(text: str, **more: Any) -> dict[str, Any]:
    return counting(1, stream=False) | {"messages": [{"role": "user", "content": text}]} | more


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (saying("x" * CONTEXT), "messages", "prompt is too long"),
        (saying("x" * 5000, max_tokens=1), "messages", "prompt is too long"),
        (saying("hello", max_tokens=CONTEXT + 1), "max_tokens", "4097"),
        (saying("hello", max_tokens=None, max_completion_tokens=CONTEXT + 1), "max_completion_tokens", "4097"),
        (saying("x" * 4000, min_tokens=97), "min_tokens", "room for 96"),
    ],
)
def test_what_cannot_fit_is_refused(in_time: Start, body: dict[str, Any], param: str, says: str) -> None:
    """LiteLLM, LangChain and others look for these words."""
    with in_time() as server:
        client = server.ask(body)
        assert client.error() == (400, "invalid_request_error", "context_length_exceeded")
        error = client.content()["error"]
        assert error["message"].startswith(BEGINNING)
        assert says in error["message"]
        assert error["param"] == param


@pytest.mark.parametrize("asked", [{"max_tokens": 97}, {"max_tokens": CONTEXT}, {"max_tokens": None}])
def test_an_answer_that_does_not_fit_beside_its_prompt_is_shortened(in_time: Start, asked: dict[str, Any]) -> None:
    """As vLLM does it; the fake model would say 4,000 letters and then stop, and there is room for 96 tokens."""
    with in_time() as server:
        words = "x " * 2000
        answer = server.ask(saying(words, **asked)).content()
        told = {"prompt_tokens": 4000, "completion_tokens": 96, "total_tokens": CONTEXT}
        assert told.items() <= answer["usage"].items()
        assert answer["choices"][0]["finish_reason"] == "length"


def test_what_is_shortened_takes_no_more_of_its_tenants_tokens(in_time: Start) -> None:
    limits = {"tenants": [{"name": "a", "keys": [KEY], "tokens_per_minute": CONTEXT}]}
    with in_time(settings=limits) as server:
        client = server.ask(saying("x" * 4000, max_tokens=4000), {"x-api-key": "sk-a"})
        assert (client.status, client.header("x-ratelimit-limit-tokens")) == (200, "4096")


@pytest.mark.parametrize(
    ("body", "param", "change"),
    [
        ({"n": 9}, "n", "Lower n"),
        ({"n": 3, "prompt": ["a"] * 4}, "n", "Lower n or send fewer prompts at once"),
        ({"n": 1, "prompt": ["a"] * 9}, "prompt", "Send fewer prompts"),
    ],
)
def test_more_sequences_than_can_ever_be_inside_are_told_what_to_change(
    in_time: Start, body: dict[str, Any], param: str, change: str
) -> None:
    with in_time(max_concurrency=8) as server:
        client = server.ask({"model": "demo"} | body | ({} if "prompt" in body else {"messages": MESSAGES}))
        error = client.content()["error"]
        assert (client.status, error["param"], error["code"]) == (400, param, None)
        assert change in error["message"]
        assert "max_concurrency is 8" in error["message"]
        assert server.inside() == (0, 0, 0)
