"""`x-request-id` on every answer, whatever it is and whoever gives it: the client's own, or one of ours."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openai import AsyncOpenAI

from sluice.app import create_app
from sluice.engine.base import AS_IT_IS, Constraint, Rendered, Tokenizing
from sluice.settings import Settings
from tests.api.test_rules import ADA, asking
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

OURS = re.compile("req_[0-9a-f]{32}")
CHAT = "/v1/chat/completions"
ANSWERS: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("POST", CHAT, counting(3), 200),
    ("POST", CHAT, counting(3, stream=False), 200),
    ("POST", CHAT, counting(3) | {"n": 9}, 400),
    ("POST", CHAT, counting(3) | {"model": "other"}, 404),
    ("POST", CHAT, counting(3) | {"user": "x" * 3000}, 413),
    ("POST", "/v1/nothing", {}, 404),
    ("GET", CHAT, None, 405),
    ("OPTIONS", CHAT, None, 405),
    *(("GET", path, None, 200) for path in ("/livez", "/readyz", "/status", "/metrics", "/v1/models", "/docs")),
    ("HEAD", "/livez", None, 200),
    ("GET", "/v1/models/other", None, 404),
    ("GET", "//livez/", None, 200),
]


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, {"http": {"max_body_bytes": 2000}}, concurrency=1, max_concurrency=2) as running:
        yield running


@pytest.mark.parametrize(("method", "path", "body", "status"), ANSWERS, ids=lambda value: str(value)[:40])
async def test_every_answer_has_one(
    server: Running, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    async with httpx.AsyncClient(timeout=60) as client:

        async def ask(headers: dict[str, str]) -> list[str]:
            answer = await client.request(method, server.url + path, json=body, headers=headers)
            assert answer.status_code == status
            return answer.headers.get_list("x-request-id")

        assert await ask({"X-Request-ID": "mine-1"}) == ["mine-1"]
        (first,), (second,) = await ask({}), await ask({})
        assert OURS.fullmatch(first)
        assert OURS.fullmatch(second)
        assert first != second


@pytest.mark.parametrize("path", ["/livez", CHAT])
@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        (b"x" * 128, True), (b"!~a/b+c=d", True), (b"x" * 129, False), (b"", False), (b"a b", False), (b"a\tb", False),
        ("schlüssel".encode(), False), (b"\xff", False), (b'"><script>', True),
    ],
)  # fmt: skip
async def test_one_that_cannot_be_sent_back_is_ignored(server: Running, path: str, sent: bytes, is_kept: bool) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        body = counting(3) if path == CHAT else None
        method = "POST" if body else "GET"
        answer = await client.request(method, server.url + path, json=body, headers=[(b"x-request-id", sent)])
    given = answer.headers["x-request-id"]
    assert given == sent.decode() if is_kept else OURS.fullmatch(given)


async def test_refusals_have_one(server: Running, fake: FakeEngine) -> None:
    fake.going.clear()
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        asked = [asyncio.create_task(client.post(CHAT, json=counting(3))) for _ in range(2)]
        await server.has(admitted=2)
        refused = await client.post(CHAT, json=counting(3), headers={"x-request-id": "one-more"})
        assert (refused.status_code, refused.headers["x-request-id"]) == (429, "one-more")
        fake.going.set()
        await asyncio.gather(*asked)


class Broken(FakeEngine):
    """Raises what says too much, wherever it is asked."""

    async def render(
        self, prompt: object, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        raise RuntimeError("a secret")

    def metrics(self) -> Any:
        raise RuntimeError("a secret")


@pytest.mark.parametrize(("path", "body"), [(CHAT, counting(3)), (CHAT, counting(3, stream=False)), ("/metrics", None)])
async def test_our_own_mistakes_have_one_and_say_nothing_of_the_cause(
    serve: Serve, path: str, body: dict[str, Any] | None
) -> None:
    async with serve(Broken()) as server, httpx.AsyncClient(timeout=60) as client:
        method = "POST" if body else "GET"
        answer = await client.request(method, server.url + path, json=body, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert answer.headers["connection"] == "close"
    assert answer.json()["error"] == {
        "message": "Internal server error.", "type": "server_error", "param": None, "code": None,
    }  # fmt: skip


async def test_openais_sdk_knows_it(server: Running) -> None:
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        whole = await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "1"}], extra_headers={"x-request-id": "mine"}
        )
        assert whole._request_id == "mine"


async def test_it_is_there_where_the_application_is_mounted_or_refuses() -> None:
    app = create_app(Settings.model_validate(ADA), FakeEngine())
    outer = FastAPI()
    outer.mount("/llm", app)
    async with asking(outer) as client:
        for path in ("/llm/readyz", "/llm/status", "/llm/v1/models", "/llm/nothing", f"/llm{CHAT}"):
            answer = await client.get(path, headers={"x-request-id": "mine"})
            assert answer.headers.get_list("x-request-id") == ["mine"]
