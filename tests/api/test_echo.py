"""A prompt that comes back before its answer: text, tokens and probabilities, in every form."""

import asyncio
import itertools
import json
from typing import Any

import httpx
import pytest

from sluice.api.generation import MOST_PROMPT_LOGPROBS
from tests.api.wire import CHAT, TEXT
from tests.conftest import Serve
from tests.fake import FakeEngine

PROMPTS = ["Count from 1 to 3.", "one two"]
ANSWERS = [{0: "", 1: "1", 9: "1 2 3"}, {0: "", 1: "one ", 9: "one two"}]
"""Of so many tokens at most."""
MATRIX = list(itertools.product((None, 0, 2), (1, 2), (False, True), (0, 1, 9), (False, True)))


def put_together(raw: str, choices: int) -> list[dict[str, Any]]:
    """The choices that a stream's chunks make."""
    *data, done = raw.strip().split("\n\n")
    assert done == "data: [DONE]"
    found: list[dict[str, Any]] = [{"text": "", "logprobs": None} for _ in range(choices)]
    for each in data:
        (piece,) = json.loads(each.removeprefix("data: "))["choices"]
        choice = found[piece["index"]]
        choice["text"] += piece["text"]
        if piece["logprobs"] is not None:
            before = choice["logprobs"] or {name: [] for name in piece["logprobs"]}
            choice["logprobs"] = {name: before[name] + entries for name, entries in piece["logprobs"].items()}
        for name in ("prompt_token_ids", "token_ids"):
            if name in piece:
                choice[name] = choice.get(name, []) + piece[name]
    return found


async def test_it_comes_first_in_every_form(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        for case in MATRIX:
            try:
                await check(client, *case)
            except AssertionError as error:
                error.add_note(str(case))
                raise


async def check(  # noqa: PLR0917 - a matrix
    client: httpx.AsyncClient, logprobs: int | None, n: int, as_ids: bool, max_tokens: int, with_ids: bool
) -> None:
    ids = [[ord(letter) for letter in prompt] for prompt in PROMPTS]
    body = {
        "model": "demo", "prompt": ids if as_ids else PROMPTS, "n": n, "logprobs": logprobs, "max_tokens": max_tokens,
        "echo": True, "return_token_ids": with_ids,
    }  # fmt: skip
    whole = (await client.post(TEXT, json=body)).json()["choices"]
    streamed = put_together((await client.post(TEXT, json=body | {"stream": True})).text, 2 * n)
    for index, (choice, stream) in enumerate(zip(whole, streamed, strict=True)):
        assert choice["index"] == index
        assert stream == {name: choice[name] for name in stream}
        prompt, answer = PROMPTS[index // n], ANSWERS[index // n][max_tokens]
        text = "" if with_ids else prompt
        assert choice["text"] == text + answer
        assert choice.get("prompt_token_ids") == (ids[index // n] if with_ids else None)
        told = choice["logprobs"]
        assert (choice["prompt_logprobs"] is None) == (logprobs is None)
        if logprobs is None:
            assert told is None
            continue
        assert told["tokens"][: len(prompt)] == list(prompt)
        assert "".join(told["tokens"]) == prompt + choice["text"][len(text) :]
        assert told["token_logprobs"][:2] == [None, -0.5]
        assert (told["top_logprobs"][0], len(told["top_logprobs"][1])) == (None, max(1, logprobs))
        assert told["text_offset"] == [0, *itertools.accumulate(map(len, told["tokens"]))][:-1]


async def test_what_would_be_too_much_is_refused(serve: Serve, fake: FakeEngine) -> None:
    most = MOST_PROMPT_LOGPROBS[True] // 2
    body = {"model": "demo", "echo": True, "logprobs": 1, "max_tokens": 1}
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        for stream, length, status in ((True, most, 200), (True, most + 1, 400), (False, most + 1, 200)):
            answer = await client.post(TEXT, json=body | {"prompt": "a" * length, "stream": stream})
            assert answer.status_code == status, answer.text
        many = await client.post(TEXT, json=body | {"prompt": ["a" * 4000] * 40})
        assert (many.status_code, many.json()["error"]["param"]) == (400, "prompt")


@pytest.mark.parametrize("path", [CHAT, TEXT])
async def test_each_chunk_tells_what_has_been_used(serve: Serve, fake: FakeEngine, path: str) -> None:
    asked = {"messages": [{"role": "user", "content": PROMPTS[0]}]} if path == CHAT else {"prompt": PROMPTS[0]}
    body = asked | {
        "model": "demo", "stream": True, "n": 2,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }  # fmt: skip
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        raw = (await client.post(path, json=body)).text
    *chunks, last = [json.loads(each[6:]) for each in raw.strip().split("\n\n")[:-1]]
    for index in (0, 1):
        used = [c["usage"]["completion_tokens"] for c in chunks if c["choices"][0]["index"] == index]
        assert used == list(range(0 if path == CHAT else 1, 7))
    assert (
        {chunk["usage"]["prompt_tokens"] for chunk in chunks} == {len(PROMPTS[0])} == {last["usage"]["prompt_tokens"]}
    )
    assert last["usage"]["completion_tokens"] == 12


async def test_answers_of_one_name_do_not_meet(serve: Serve, fake: FakeEngine) -> None:
    body = {"model": "demo", "prompt": PROMPTS, "request_id": "mine"}
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        fake.going.clear()
        asking = [asyncio.create_task(client.post(TEXT, json=body)) for _ in range(3)]
        await server.has(running=6)
        fake.going.set()
        answers = [answer.json() for answer in await asyncio.gather(*asking)]
    assert [answer["id"] for answer in answers] == ["cmpl-mine"] * 3
    assert [[choice["text"] for choice in answer["choices"]] for answer in answers] == [
        [answer[9] for answer in ANSWERS]
    ] * 3
