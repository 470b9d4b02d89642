"""A model that embeds, on a real engine: its vectors are those of transformers."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from tests.conftest import Serve
from tests.pooled import CONTEXT, started, write

TEXTS = ["cat", "a dog", "sun and sun", "x " * (CONTEXT - 2)]
LONG = "cat dog sun " * 100


def expected(folder: Path, text: str, **tokenizing: Any) -> torch.Tensor:
    """The first token's last state, which sentence-transformers would have, too."""
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", **tokenizing)
    with torch.no_grad():
        state: torch.Tensor = BertModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0, 0]
    return state


def unit(state: torch.Tensor) -> Any:
    return pytest.approx((state / state.norm()).tolist(), abs=1e-5)


async def test_vectors_are_those_of_transformers(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, scores=False)
    async with (
        started(tmp_path) as embedding,
        serve(embedding, {"served_model_name": "bert"}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        assert embedding.model.tasks == {"embed", "token_embed"}

        async def embed(given: Any, **fields: Any) -> list[list[float]]:
            answer = await client.post("/v1/embeddings", json={"model": "bert", "input": given} | fields)
            assert answer.status_code == 200, answer.text
            return [each["embedding"] for each in answer.json()["data"]]

        assert await embed(TEXTS) == [unit(expected(tmp_path, text)) for text in TEXTS]
        (plain,) = await embed(TEXTS[0], use_activation=False)
        assert plain == pytest.approx(expected(tmp_path, TEXTS[0]).tolist(), abs=1e-4)
        tokens = (await client.post("/tokenize", json={"model": "bert", "prompt": "cat"})).json()["tokens"]
        assert await embed(tokens) == [unit(expected(tmp_path, "cat"))]
        assert await embed("cat", add_special_tokens=False) == [
            unit(expected(tmp_path, "cat", add_special_tokens=False))
        ]
        for most, length in ((10, 10), (-1, CONTEXT)):
            cut = await embed([LONG, "cat"], truncate_prompt_tokens=most)
            assert cut[0] == unit(expected(tmp_path, LONG, truncation=True, max_length=length))
            assert cut[1] == unit(expected(tmp_path, "cat"))
        for change, param in (({"dimensions": 8}, "dimensions"), ({"input": LONG}, "input")):
            refused = await client.post("/v1/embeddings", json={"model": "bert", "input": "cat"} | change)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
