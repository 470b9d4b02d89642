"""Models that embed and that score, on a real engine: their numbers are those of transformers."""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoTokenizer, BertForSequenceClassification, BertModel

from sluice.engine.base import Pooling, Rendered
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings
from tests.conftest import REAL, Serve, Started
from tests.pooled import CONTEXT, write

TEXTS = ["cat", "a dog", "sun and sun", "x " * (CONTEXT - 2)]


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Started]:
    engine = VLLMEngine(Settings.model_validate(REAL | {"model": str(folder)}), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's imports warn of their own
        model = await engine.start(lambda loading: None)
    first = Gathered()  # with it vLLM starts the task that reads its outputs
    engine.pool("first", Rendered([2, 3]), Pooling("embed" if "embed" in model.tasks else "classify"), first)
    assert [delta.tokens for delta in await first.all()] == [0]
    try:
        yield Started(engine, model)
    finally:
        await engine.stop()


def expected(folder: Path, text: str, length: float | None = 1.0) -> list[float]:
    """The first token's last state, as sentence-transformers would have it."""
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        state = BertModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0, 0]
    return (state if length is None else state / state.norm()).tolist()  # type: ignore[no-any-return]


async def test_vectors_are_those_of_transformers(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, scores=False)
    settings = {"served_model_name": "bert"}
    async with (
        started(tmp_path) as embedding,
        serve(embedding, settings) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        assert embedding.model.tasks == {"embed", "token_embed"}
        body = {"model": "bert", "input": TEXTS}
        whole = (await client.post("/v1/embeddings", json=body)).json()
        for text, found in zip(TEXTS, whole["data"], strict=True):
            assert found["embedding"] == pytest.approx(expected(tmp_path, text), abs=1e-5)
        plain = (await client.post("/v1/embeddings", json=body | {"use_activation": False})).json()
        assert plain["data"][0]["embedding"] == pytest.approx(expected(tmp_path, TEXTS[0], None), abs=1e-4)
        fewer = await client.post("/v1/embeddings", json=body | {"dimensions": 8})
        assert (fewer.status_code, fewer.json()["error"]["param"]) == (400, "dimensions")
        chat = {"model": "bert", "messages": [{"role": "user", "content": "cat"}]}
        assert (await client.post("/v1/chat/completions", json=chat)).status_code == 400
        tokens = (await client.post("/tokenize", json={"model": "bert", "prompt": "cat"})).json()["tokens"]
        again = (await client.post("/v1/embeddings", json=body | {"input": tokens})).json()
        assert again["data"][0]["embedding"] == pytest.approx(whole["data"][0]["embedding"], abs=1e-6)


async def test_scores_are_those_of_transformers(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, scores=True)
    documents = ["a dog", "sun and sun", "x y z"]
    encoded = AutoTokenizer.from_pretrained(tmp_path)(["cat"] * 3, documents, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = BertForSequenceClassification.from_pretrained(tmp_path).eval()(**encoded).logits[:, 0]
    async with (
        started(tmp_path) as scoring,
        serve(scoring, {"served_model_name": "bert"}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        body = {"model": "bert", "queries": "cat", "documents": documents}
        for change, scores in (({}, logits.sigmoid()), ({"use_activation": False}, logits)):
            whole = (await client.post("/v1/score", json=body | change)).json()
            assert [each["score"] for each in whole["data"]] == pytest.approx(scores.tolist(), abs=1e-4)
        ranked = (await client.post("/rerank", json={"model": "bert", "query": "cat", "documents": documents})).json()
        assert [each["index"] for each in ranked["results"]] == logits.argsort(descending=True).tolist()
        refused = await client.post("/v1/embeddings", json={"model": "bert", "input": "cat"})
        assert refused.status_code == 400
