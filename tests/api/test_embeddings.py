"""`/v1/embeddings`: what it answers, for which models, and that an input is a sequence like any other."""

import asyncio
import base64
from array import array
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openai.types import CreateEmbeddingResponse

from tests.conftest import Running, Serve
from tests.fake import CONTEXT, FakeEngine

BODY: dict[str, Any] = {"model": "demo", "input": "Hi"}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
async def pooling() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine(tasks=["embed", "token_embed"])
    yield engine
    assert engine.live == {}, "a sequence was left in the engine"


@pytest.fixture
async def server(serve: Serve, pooling: FakeEngine) -> AsyncIterator[Running]:
    async with serve(pooling, concurrency=2, max_concurrency=4) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("given", "vectors"),
    [
        ("Hi", [[72, 105]]),
        (["Hi", "a", "b", "cd"], [[72, 105], [97], [98], [99, 100]]),
        ([5, 6, 7], [[5, 6, 7]]),
        ([[5, 6], [7]], [[5, 6], [7]]),
    ],
)
async def test_texts_and_tokens_become_vectors(
    client: httpx.AsyncClient, given: Any, vectors: list[list[float]]
) -> None:
    whole = (await client.post("/v1/embeddings", json=BODY | {"input": given})).json()
    CreateEmbeddingResponse.model_validate(whole, strict=True)
    assert [(each["index"], each["embedding"]) for each in whole["data"]] == list(enumerate(vectors))
    tokens = sum(map(len, vectors))
    assert whole["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert (whole["object"], whole["model"], whole["id"][:5]) == ("list", "demo", "embd-")
    packed = (await client.post("/v1/embeddings", json=BODY | {"input": given, "encoding_format": "base64"})).json()
    assert [list(array("f", base64.b64decode(each["embedding"]))) for each in packed["data"]] == vectors


async def test_the_sdk_reads_them(server: Running) -> None:
    async with server.openai() as client:
        found = await client.embeddings.create(model="demo", input=["Hi", "a"])
    assert [each.embedding for each in found.data] == [[72, 105], [97]]


async def test_fewer_dimensions(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/embeddings", json=BODY | {"dimensions": 1})).json()
    assert whole["data"][0]["embedding"] == [72]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": [1, "a"]}, "input"),
    ({"input": "x" * (CONTEXT + 1)}, "input"),
    ({"encoding_format": "hex"}, "encoding_format"),
    ({"dimensions": 0}, "dimensions"),
    ({"dimensions": 3}, "dimensions"),
    ({"truncate_prompt_tokens": 5}, "truncate_prompt_tokens"),
]


@pytest.mark.parametrize(("change", "param"), BAD, ids=lambda each: str(each)[:40])
async def test_errors_are_openais_object(client: httpx.AsyncClient, change: dict[str, Any], param: str) -> None:
    answer = await client.post("/v1/embeddings", json=BODY | change)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_prompt_may_take_the_whole_context(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/embeddings", json=BODY | {"input": "x" * CONTEXT})).json()
    assert whole["usage"]["prompt_tokens"] == CONTEXT


async def test_a_model_is_asked_for_what_it_does(client: httpx.AsyncClient, serve: Serve, fake: FakeEngine) -> None:
    refused = await client.post("/v1/chat/completions", json=CHAT)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")
    assert "is for models that generate, and demo does not" in refused.json()["error"]["message"]
    async with serve(fake) as other, httpx.AsyncClient(base_url=other.url) as generating:
        refused = await generating.post("/v1/embeddings", json=BODY)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")
        assert "is for models that embed, and demo does not" in refused.json()["error"]["message"]


async def test_an_input_takes_a_seat_and_waits_its_turn(
    client: httpx.AsyncClient, server: Running, pooling: FakeEngine
) -> None:
    many = await client.post("/v1/embeddings", json=BODY | {"input": ["a"] * 5})
    assert (many.status_code, many.json()["error"]["param"]) == (400, "input")
    pooling.going.clear()
    asking = asyncio.create_task(client.post("/v1/embeddings", json=BODY | {"input": ["a"] * 4}))
    await server.has(admitted=4, running=2, waiting=2)
    assert (await client.post("/v1/embeddings", json=BODY)).status_code == 429
    asking.cancel()
    await server.is_empty()
    assert pooling.live == {}
    assert (await server.status())["finished"]["aborted"] == 4
    pooling.going.set()
