"""A model that scores, on a real engine: its scores are those of transformers."""

from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

from tests.conftest import Serve
from tests.pooled import started, write

DOCUMENTS = ["a dog", "sun and sun", "x y z"]


async def test_scores_are_those_of_transformers(tmp_path: Path, serve: Serve) -> None:
    write(tmp_path, scores=True)
    encoded = AutoTokenizer.from_pretrained(tmp_path)(["cat"] * 3, DOCUMENTS, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = BertForSequenceClassification.from_pretrained(tmp_path).eval()(**encoded).logits[:, 0]
    async with (
        started(tmp_path) as scoring,
        serve(scoring, {"served_model_name": "bert"}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        body = {"model": "bert", "queries": "cat", "documents": DOCUMENTS}
        for change, scores in (({}, logits.sigmoid()), ({"use_activation": False}, logits)):
            whole = (await client.post("/v1/score", json=body | change)).json()
            assert [each["score"] for each in whole["data"]] == pytest.approx(scores.tolist(), abs=1e-4)
        assert whole["usage"]["prompt_tokens"] == int(encoded["attention_mask"].sum())
        ranked = (await client.post("/rerank", json={"model": "bert", "query": "cat", "documents": DOCUMENTS})).json()
        assert [each["index"] for each in ranked["results"]] == logits.argsort(descending=True).tolist()
        long = await client.post("/score", json={"model": "bert", "text_1": "cat", "text_2": ["dog", "x " * 500]})
        assert (long.status_code, long.json()["error"]["param"]) == (400, "text_2")
