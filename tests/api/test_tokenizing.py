"""`/tokenize`, `/detokenize`, `/tokenizer_info` and `/version`: what they answer, and that they hold nobody up.

None takes a seat.
"""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sluice import __version__
from tests.conftest import Serve
from tests.fake import FakeEngine

TEXT = {"model": "demo", "prompt": "Hi there"}
CHAT: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}
IDS = {"model": "demo", "tokens": [72, 105]}


@pytest.fixture
async def client(serve: Serve, fake: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    limits = {"concurrency": 1, "max_concurrency": 1}
    async with (
        serve(fake, {"http": {"max_body_bytes": 2000}}, **limits) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        yield client


async def test_a_text_a_chat_and_the_way_back(client: httpx.AsyncClient) -> None:
    told = {"max_model_len": 4096, "token_strs": None}
    whole = [2, *map(ord, "Hi there")]
    assert (await client.post("/tokenize", json=TEXT)).json() == told | {"count": 9, "tokens": whole}
    assert (await client.post("/tokenize", json=CHAT)).json() == told | {"count": 2, "tokens": [72, 105]}
    bare = TEXT | {"add_special_tokens": False, "return_token_strs": True}
    strings = (await client.post("/tokenize", json=bare)).json()
    assert (strings["tokens"], strings["token_strs"]) == (whole[1:], list("Hi there"))
    assert (await client.post("/tokenize", json=CHAT | {"add_special_tokens": True})).json()["count"] == 3
    assert (await client.post("/detokenize", json=IDS)).json() == {"prompt": "Hi"}
    assert (await client.post("/detokenize", json={"tokens": []})).json() == {"prompt": ""}
    assert (await client.get("/version")).json() == {"version": __version__}
    info = await client.get("/tokenizer_info")
    assert info.headers["content-type"] == "application/json"
    assert info.json() == {"tokenizer_class": "Letters", "chat_template": "{{ messages[-1].content }}"}


BAD: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("/tokenize", TEXT | {"model": "other"}, 404, "model"),
    ("/tokenize", {}, 400, "prompt"),
    ("/tokenize", TEXT | CHAT, 400, "prompt"),
    ("/tokenize", {"prompt": 5}, 400, "prompt"),
    ("/tokenize", {"prompt": "x" * 3000}, 413, None),
    ("/tokenize", CHAT | {"messages": []}, 400, "messages"),
    ("/tokenize", CHAT | {"chat_template": "{{ messages }}"}, 400, "chat_template"),
    ("/tokenize", CHAT | {"chat_template_kwargs": {"tokenize": True}}, 400, "chat_template_kwargs"),
    ("/tokenize", CHAT | {"continue_final_message": True, "add_generation_prompt": True}, 400,
     "continue_final_message"),
    ("/detokenize", IDS | {"model": "other"}, 404, "model"),
    ("/detokenize", {}, 400, "tokens"),
    ("/detokenize", {"tokens": ["a"]}, 400, "tokens.0"),
    ("/detokenize", {"tokens": [-1]}, 400, "tokens.0"),
    ("/detokenize", {"tokens": [2**40]}, 400, "tokens"),
]  # fmt: skip


async def test_errors_are_openais_object(client: httpx.AsyncClient) -> None:
    for path, body, status, param in BAD:
        answer = await client.post(path, json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (status, param), (path, body)
        assert error["message"]


async def test_a_body_that_is_packed_is_read_and_another_kind_is_not(client: httpx.AsyncClient) -> None:
    packed = gzip.compress(json.dumps(IDS).encode())
    kind = {"content-type": "application/json", "content-encoding": "gzip"}
    assert (await client.post("/detokenize", content=packed, headers=kind)).json() == {"prompt": "Hi"}
    assert (await client.post("/detokenize", content=b"x", headers={"content-type": "text/plain"})).status_code == 415


async def test_they_take_no_seat(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server, httpx.AsyncClient(
        base_url=server.url, timeout=60
    ) as client:  # fmt: skip
        inside = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
        await server.has(running=1)
        for path, body in (("/tokenize", TEXT), ("/detokenize", IDS)):
            assert (await client.post(path, json=body)).status_code == 200
        assert (await server.status())["peak_admitted"] == 1
        fake.going.set()
        assert (await inside).status_code == 200


async def test_they_are_for_tenants_of_a_server_that_is_ready(serve: Serve, fake: FakeEngine) -> None:
    keys = [f"sha256:{hashlib.sha256(b'sk-ada').hexdigest()}"]
    operators = {"operators": {"keys": [f"sha256:{hashlib.sha256(b'sk-operator').hexdigest()}"]}}
    settings = {"tenants": [{"name": "ada", "keys": keys}]} | operators
    async with serve(fake, settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        ada = {"authorization": "Bearer sk-ada"}
        for path, body in (("/tokenize", TEXT), ("/detokenize", IDS)):
            assert (await client.post(path, json=body)).status_code == 401
            assert (await client.post(path, json=body, headers=ada)).status_code == 200
        for path in ("/version", "/tokenizer_info"):
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers=ada)).status_code == 200
        server.lifecycle.phase = "draining"
        for asked in (client.post("/tokenize", json=TEXT, headers=ada), client.get("/tokenizer_info", headers=ada)):
            refused = await asked
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        server.lifecycle.phase = "ready"


class Held(FakeEngine):
    """Makes no text of tokens until `going` is set again; `two` is set when it has two such to do."""

    def __init__(self) -> None:
        super().__init__()
        self.working = self.most = 0
        self.two = asyncio.Event()

    async def detokenize(self, tokens: list[int]) -> str:
        self.working += 1
        self.most = max(self.most, self.working)
        if self.working == 2:
            self.two.set()
        await self.going.wait()
        self.working -= 1
        return await super().detokenize(tokens)


async def test_long_ones_are_worked_on_a_few_at_a_time(serve: Serve) -> None:
    engine = Held()
    engine.going.clear()
    async with serve(engine) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        long = [asyncio.create_task(client.post("/detokenize", json={"tokens": [77] * 50_000})) for _ in range(4)]
        await engine.two.wait()
        assert (await client.post("/tokenize", json=TEXT)).status_code == 200
        engine.going.set()
        assert [answer.json() for answer in await asyncio.gather(*long)] == [{"prompt": "M" * 50_000}] * 4
        assert engine.most == 2
