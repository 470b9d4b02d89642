"""Nothing that one request asks for, or is made of, holds the event loop; the client is on another thread."""

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.held import held

LONGEST_S = 0.05
"""CPU of the loop's own thread, in one turn."""
CHAT: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
TEXT: dict[str, Any] = {"model": "demo", "prompt": "Count from 1 to 3"}
EMPTY = {"role": "user", "content": ""}
CALLS = {"role": "assistant", "tool_calls": [{}] * 250_000}
HOSTILE: dict[str, dict[str, Any]] = {
    "tool calls": CHAT | {"messages": [CALLS]},
    "tool calls of as many messages as may be": CHAT | {"messages": [CALLS | {"tool_calls": [{}] * 20}] * 2048},
    "empty messages": CHAT | {"messages": [{}] * 150_000},
    "short messages": CHAT | {"messages": [EMPTY] * 110_000},
    "short messages, as many as a short body holds": CHAT | {"messages": [{"role": "user", "content": "a"}] * 2040},
    "biases": CHAT | {"logit_bias": {str(token): 1 for token in range(250_000)}},
    "wrong biases": CHAT | {"logit_bias": {f"x{token}": None for token in range(250_000)}},
    "stops": CHAT | {"stop": ["a"] * 780_000},
    "unknown fields": CHAT | {f"k{number}": 0 for number in range(200_000)},
    "unknown fields of a short body": CHAT | {f"k{number}": 0 for number in range(6_000)},
    "metadata": CHAT | {"metadata": [[]] * 1_000_000},
    "metadata of a short body": CHAT | {"metadata": [[]] * 21_000},
    "a number": CHAT | {"seed": int("1" * 4000)},
    "a text of escapes": CHAT | {"user": '\n"\\' * 600_000},
    "a name": CHAT | {"model": "\n" * 2_000_000},
    "token ids": TEXT | {"prompt": [7] * 500_000},
    "prompts of one id": TEXT | {"prompt": [[7]] * 20_000},
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_by_its_body(serve: Serve, fake: FakeEngine, body: dict[str, Any]) -> None:
    content = json.dumps(body, separators=(",", ":")).encode()
    assert len(content) < 4 * 1024 * 1024
    path = "/v1/completions" if "prompt" in body else "/v1/chat/completions"
    async with serve(fake) as server, held() as loop:
        for sent, packed in ((content, "identity"), (gzip.compress(content, 1), "gzip")):
            answer = await asyncio.to_thread(
                httpx.post, server.url + path, content=sent, timeout=60,
                headers={"Content-Type": "application/json", "Content-Encoding": packed},
            )  # fmt: skip
            assert answer.status_code in {200, 400, 404}
    assert loop.longest < LONGEST_S


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_by_the_probabilities_of_a_long_answer(serve: Serve, fake: FakeEngine, path: str, stream: bool) -> None:
    """20 MB, at once for eight sequences: made while the tokens come, and sent in parts."""
    count = "Count from 1 to 2000"
    asked: dict[str, Any] = (
        {"prompt": count, "logprobs": 20}
        if path == "/v1/completions"
        else {"messages": [{"role": "user", "content": count}], "logprobs": True, "top_logprobs": 20}
    )
    body = {"model": "demo", "n": 8, "max_tokens": 1900, "stream": stream} | asked
    async with serve(fake) as server, held() as loop:
        answer = await asyncio.to_thread(httpx.post, server.url + path, json=body, timeout=60)
    assert loop.longest < LONGEST_S
    assert answer.status_code == 200
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n")
    else:
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == list(range(8))
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == len(answer.content) > 1_000_000


async def test_by_how_many_sequences_it_has(serve: Serve, fake: FakeEngine) -> None:
    """As many as may be, without a limit of the server's."""
    body = TEXT | {"prompt": ["a"] * 8, "n": 128, "stream": True, "max_tokens": 2}
    async with serve(fake, concurrency=8) as server, held() as loop:
        answer = await asyncio.to_thread(httpx.post, f"{server.url}/v1/completions", json=body, timeout=60)
        more = await asyncio.to_thread(
            httpx.post, f"{server.url}/v1/completions", json=body | {"prompt": ["a"] * 2000}, timeout=60
        )
    assert answer.text.endswith("data: [DONE]\n\n")
    assert (more.status_code, more.json()["error"]["param"]) == (400, "prompt")
    assert loop.longest < LONGEST_S
