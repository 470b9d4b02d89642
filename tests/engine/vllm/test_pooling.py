"""A model that embeds, on a real engine: its vectors are those of transformers."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings
from tests.conftest import REAL, Serve, Started
from tests.pooled import CONTEXT, write

TEXTS = ["cat", "a dog", "sun and sun", "x " * (CONTEXT - 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedding")
    write(folder, scores=False)
    return folder


@pytest.fixture(scope="module")
async def embedding(folder: Path) -> AsyncIterator[Started]:
    engine = VLLMEngine(Settings.model_validate(REAL | {"model": str(folder)}), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's imports warn of their own
        model = await engine.start(lambda loading: None)
    yield Started(engine, model)
    await engine.stop()


def expected(folder: Path, text: str, length: float | None = 1.0) -> list[float]:
    """The first token's last state, as sentence-transformers would have it."""
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        state = BertModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0, 0]
    return (state if length is None else state / state.norm()).tolist()  # type: ignore[no-any-return]


async def test_vectors_are_those_of_transformers(embedding: Started, folder: Path, serve: Serve) -> None:
    assert embedding.model.tasks == {"embed", "token_embed"}
    settings = {"served_model_name": "bert"}
    async with serve(embedding, settings) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        body = {"model": "bert", "input": TEXTS}
        whole = (await client.post("/v1/embeddings", json=body)).json()
        for text, found in zip(TEXTS, whole["data"], strict=True):
            assert found["embedding"] == pytest.approx(expected(folder, text), abs=1e-5)
        plain = (await client.post("/v1/embeddings", json=body | {"use_activation": False})).json()
        assert plain["data"][0]["embedding"] == pytest.approx(expected(folder, TEXTS[0], None), abs=1e-4)
        fewer = await client.post("/v1/embeddings", json=body | {"dimensions": 8})
        assert (fewer.status_code, fewer.json()["error"]["param"]) == (400, "dimensions")
        chat = {"model": "bert", "messages": [{"role": "user", "content": "cat"}]}
        assert (await client.post("/v1/chat/completions", json=chat)).status_code == 400
        tokens = (await client.post("/tokenize", json={"model": "bert", "prompt": "cat"})).json()["tokens"]
        again = (await client.post("/v1/embeddings", json=body | {"input": tokens})).json()
        assert again["data"][0]["embedding"] == pytest.approx(whole["data"][0]["embedding"], abs=1e-6)
