"""Adapters are models: named in requests, told in the list, and handed to the engine."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sluice.settings.models import DEMO
from tests.conftest import Serve
from tests.fake import FakeEngine

SETTINGS: dict[str, Any] = {
    "served_model_name": ["demo", "alias"],
    "lora": [{"name": "loud", "path": "/adapters/loud"}, {"name": "org/shy", "path": "/adapters/shy"}],
}
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
async def client(serve: Serve, fake: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(fake, SETTINGS) as server, httpx.AsyncClient(base_url=server.url) as client:
        yield client


async def test_a_request_names_one(client: httpx.AsyncClient) -> None:
    for model, answered in (("demo", "Hi"), ("alias", "Hi"), ("loud", "loud Hi"), ("org/shy", "org/shy Hi")):
        whole = (await client.post("/v1/chat/completions", json=CHAT | {"model": model, "n": 2})).json()
        assert [choice["message"]["content"] for choice in whole["choices"]] == [answered] * 2
        assert whole["model"] == model
        streamed = await client.post("/v1/completions", json={"model": model, "prompt": "Hi", "stream": True})
        assert f'"model":"{model}"' in streamed.text
        assert ('"text":"loud ' in streamed.text) == (model == "loud")
        assert (await client.post("/tokenize", json={"model": model, "prompt": "Hi"})).status_code == 200
    unknown = (await client.post("/v1/chat/completions", json=CHAT | {"model": "shy"})).json()["error"]
    assert (unknown["code"], unknown["param"]) == ("model_not_found", "model")
    assert "loud, org/shy" in unknown["message"]


async def test_they_are_listed_with_their_root_and_parent(client: httpx.AsyncClient) -> None:
    cards = (await client.get("/v1/models")).json()["data"]
    assert [(card["id"], card["root"], card["parent"]) for card in cards] == [
        ("demo", str(DEMO), None), ("alias", str(DEMO), None),
        ("loud", "/adapters/loud", "demo"), ("org/shy", "/adapters/shy", "demo"),
    ]  # fmt: skip
    assert (await client.get("/v1/models/org/shy")).json() == cards[3]
