"""Scores and rerankings; a pair's score by the fake engine is how long both texts are."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine

RERANK: dict[str, Any] = {"model": "demo", "query": "q", "documents": ["aa", "aaaa", "aaa"]}


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(FakeEngine(tasks=["classify", "score"])) as server, httpx.AsyncClient(
        base_url=server.url, timeout=60
    ) as client:  # fmt: skip
        yield client


SIDES: list[tuple[dict[str, Any], list[int]]] = [
    ({"text_1": "a", "text_2": "bb"}, [3]),
    ({"text_1": "a", "text_2": ["b", "bb"]}, [2, 3]),
    ({"queries": ["a", "aaaa"], "documents": ["b", "bb"]}, [2, 6]),
    ({"queries": "a", "items": ["b"]}, [2]),
    ({"data_1": ["a"], "data_2": ["b", "bb"]}, [2, 3]),
]


async def test_scores(client: httpx.AsyncClient) -> None:
    for path in ("/v1/score", "/score"):
        for sides, scores in SIDES:
            whole = (await client.post(path, json={"request_id": "mine"} | sides)).json()
            assert [(each["index"], each["score"]) for each in whole["data"]] == list(enumerate(scores))
            assert whole["usage"] == {"prompt_tokens": len(scores), "total_tokens": len(scores)}
            assert (whole["object"], whole["model"], whole["id"]) == ("list", "demo", "score-mine")


async def test_documents_come_in_the_order_of_their_scores(client: httpx.AsyncClient) -> None:
    best = [
        {"index": i, "document": {"text": "a" * n}, "relevance_score": n + 1.0} for i, n in ((1, 4), (2, 3), (0, 2))
    ]
    for path in ("/v1/rerank", "/rerank", "/v2/rerank"):
        assert (await client.post(path, json=RERANK)).json()["results"] == best
        assert (await client.post(path, json=RERANK | {"top_n": 2})).json()["results"] == best[:2]
        assert (await client.post(path, json=RERANK | {"top_n": 9})).json()["results"] == best


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("/score", {"model": "demo"}, "text_1"),
    ("/score", {"model": "demo", "text_1": "a", "documents": "b"}, "text_1"),
    ("/score", {"model": "demo", "queries": ["a", "b"], "documents": ["a", "b", "c"]}, "queries"),
    ("/score", {"model": "demo", "text_1": "a", "text_2": []}, "text_2"),
    ("/rerank", RERANK | {"documents": [5]}, "documents.0"),
    ("/rerank", RERANK | {"top_n": -1}, "top_n"),
    ("/rerank", RERANK | {"instruction": "a"}, "instruction"),
    ("/v1/embeddings", {"model": "demo", "input": "a"}, "model"),
]


async def test_errors_are_openais_object(client: httpx.AsyncClient) -> None:
    for path, body, param in BAD:
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), (path, body)


async def test_another_model_does_not_score(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        for path, body in (("/rerank", RERANK), ("/v1/score", {"model": "demo", "text_1": "a", "text_2": "b"})):
            refused = (await client.post(path, json=body)).json()["error"]
            assert (refused["type"], refused["param"]) == ("invalid_request_error", "model")
            assert refused["message"] == (
                f"{path} is for models that score; demo is there to generate, at /v1/chat/completions. Serve one that "
                "does."
            )
