"""`/v1/embeddings`: what it answers, for which models, and that an input is a sequence like any other."""

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


GIVEN: list[tuple[Any, list[list[float]]]] = [
    ("Hi", [[72, 105]]),
    (["Hi", "a", "b", "cd"], [[72, 105], [97], [98], [99, 100]]),
    ([5, 6, 7], [[5, 6, 7]]),
    ([[5, 6], [7]], [[5, 6], [7]]),
]


async def test_texts_and_tokens_become_vectors(client: httpx.AsyncClient) -> None:
    for given, vectors in GIVEN:
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


async def test_fewer_dimensions_and_tokens(client: httpx.AsyncClient) -> None:
    for change, vector in (({"dimensions": 1}, [72]), ({"truncate_prompt_tokens": 1}, [105])):
        whole = (await client.post("/v1/embeddings", json=BODY | change)).json()
        assert whole["data"][0]["embedding"] == vector


BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": [1, "a"]}, "input"),
    ({"input": "x" * (CONTEXT + 1)}, "input"),
    ({"encoding_format": "hex"}, "encoding_format"),
    ({"dimensions": 0}, "dimensions"),
    ({"dimensions": 3}, "dimensions"),
    ({"truncate_prompt_tokens": -2}, "truncate_prompt_tokens"),
]


async def test_errors_are_openais_object(client: httpx.AsyncClient) -> None:
    for change, param in BAD:
        answer = await client.post("/v1/embeddings", json=BODY | change)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), change


async def test_a_prompt_may_take_the_whole_context(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/embeddings", json=BODY | {"input": "x" * CONTEXT})).json()
    assert whole["usage"]["prompt_tokens"] == CONTEXT


async def test_a_model_is_asked_for_what_it_does(client: httpx.AsyncClient, serve: Serve, fake: FakeEngine) -> None:
    refused = await client.post("/v1/chat/completions", json=CHAT)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "model")
    assert error["message"] == (
        "/v1/chat/completions is for models that generate; demo is there to embed, at /v1/embeddings. Serve one that "
        "does."
    )
    async with serve(fake) as other, httpx.AsyncClient(base_url=other.url) as generating:
        refused = await generating.post("/v1/embeddings", json=BODY)
        error = refused.json()["error"]
        assert (refused.status_code, error["param"]) == (400, "model")
        assert error["message"] == (
            "/v1/embeddings is for models that embed; demo is there to generate, at /v1/chat/completions. Serve one "
            "that does, or have vLLM embed with this one: engine.extra: {runner: pooling}."
        )
