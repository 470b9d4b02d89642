"""Pages of other sites: which may use the server, by `http.cors_origins`, and what a browser is told of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sluice.errors import SettingsError
from sluice.settings import load
from tests.api.test_rules import DESCRIBED, GENERATING, OF_OPERATORS, OF_TENANTS, PROBES, TOKENIZING
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.served import OPERATOR, OPERATORS
from tests.test_lifecycle import counting

CHAT = "/v1/chat/completions"
PAGE, OTHER = {"Origin": "https://page.example"}, {"Origin": "https://other.example"}
FETCH = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
KEY = {"Authorization": "Bearer sk-1"}
GETS = {path.replace("{name:path}", "demo") for path in PROBES | DESCRIBED | OF_OPERATORS | OF_TENANTS}
ROUTES = dict.fromkeys(sorted(GENERATING | TOKENIZING), "POST") | dict.fromkeys(sorted(GETS), "GET")
SETTINGS: dict[str, Any] = OPERATORS | {
    "http": {"cors_origins": [PAGE["Origin"], "http://127.0.0.1:5173"]},
    "tenants": [{"name": "a", "keys": ["env:PAGE_KEY"], "requests_per_minute": 1000}],
}


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setenv("PAGE_KEY", "sk-1")
    async with serve(fake, SETTINGS, concurrency=1, max_concurrency=1) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


def may_read(answer: httpx.Response) -> bool:
    """Whether the page's script gets the answer; its `Vary` holds in either case."""
    assert answer.headers["vary"] == "origin"
    assert len(answer.headers.get_list("access-control-allow-origin")) <= 1
    return ("access-control-allow-origin", PAGE["Origin"]) in answer.headers.items()


def asking(method: str, headers: str) -> dict[str, str]:
    return {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


@pytest.mark.parametrize("path", [*ROUTES, "/v1/nowhere", "/v1//chat/completions/"])
async def test_a_browser_that_asks_first_is_told_that_the_page_may(client: httpx.AsyncClient, path: str) -> None:
    wanted = "anthropic-version,authorization,content-type,x-api-key,x-stainless-os,x-stainless-retry-count"
    answer = await client.options(path, headers=PAGE | asking("POST", wanted))
    assert (answer.status_code, answer.content, may_read(answer)) == (204, b"", True)
    assert answer.headers["access-control-allow-headers"] == wanted
    assert ROUTES.get(path, "POST") in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", [*ROUTES, "/v1/nowhere"])
async def test_to_others_it_says_nothing(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.options(path, headers=OTHER | asking("POST", "content-type"))
    assert answer.status_code in {404, 405}
    assert not may_read(answer)
    assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET"])
async def test_all_routes_may_be_read(client: httpx.AsyncClient, path: str, method: str) -> None:
    key = OPERATOR if path in {"/status", "/metrics"} else KEY
    answer = await client.request(method, path, headers=PAGE | FETCH | key)
    assert answer.status_code == (200 if method != "OPTIONS" and ROUTES[path] == "GET" else 405)
    assert may_read(answer)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_may_be_read_with_what_its_headers_tell(client: httpx.AsyncClient, stream: bool) -> None:
    answer = await client.post(CHAT, json=counting(3, stream), headers=PAGE | FETCH | KEY)
    assert (answer.status_code, may_read(answer)) == (200, True)
    assert answer.headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    shown = answer.headers["access-control-expose-headers"].split(", ")
    assert "retry-after-ms" in shown
    told = {name for name in answer.headers if name.startswith("x-")} - {"x-accel-buffering"}
    assert len(told) > 1
    assert told <= set(shown)


async def test_what_is_no_page_gets_the_same_but_for_the_origin(client: httpx.AsyncClient) -> None:
    answer = await client.post(CHAT, json=counting(3, stream=False), headers=KEY)
    assert (answer.status_code, may_read(answer)) == (200, False)


async def test_refusals_may_be_read(client: httpx.AsyncClient, server: Running, fake: FakeEngine) -> None:
    async def refusal(body: Any, **headers: str) -> tuple[int, bool]:
        answer = await client.post(CHAT, json=body, headers=PAGE | FETCH | KEY | headers)
        assert answer.json()["error"]["message"]
        return answer.status_code, may_read(answer)

    assert await refusal(counting(3), Authorization="Bearer wrong") == (401, True)
    assert await refusal({"model": "demo"}) == (400, True)
    assert await refusal(counting(3) | {"model": "x"}) == (404, True)
    assert await refusal(counting(3), **{"Content-Type": "text/plain"}) == (415, True)
    fake.going.clear()
    first = asyncio.create_task(client.post(CHAT, json=counting(3), headers=KEY))
    await server.has(running=1)
    assert await refusal(counting(3)) == (429, True)
    fake.going.set()
    await first
    server.lifecycle.phase = "draining"
    assert await refusal(counting(3)) == (503, True)
    server.lifecycle.phase = "ready"


@pytest.mark.parametrize("page", [{"Origin": "https://whoever.example"}, {"Origin": "null"}])
async def test_any_page_may_where_that_is_said(serve: Serve, fake: FakeEngine, page: dict[str, str]) -> None:
    anyone = {"http": {"cors_origins": ["*"]}}
    async with serve(fake, anyone) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        asked = await client.options(CHAT, headers=page | asking("POST", "content-type"))
        answer = await client.post(CHAT, json=counting(3), headers=page | FETCH)
        other = await client.get("/livez")
    assert (asked.status_code, answer.status_code) == (204, 200)
    assert [each.headers["access-control-allow-origin"] for each in (asked, answer)] == ["*", "*"]
    assert [each.headers["vary"] for each in (asked, answer, other)] == ["origin"] * 3
    assert "access-control-allow-origin" not in other.headers


async def test_without_the_setting_no_answer_speaks_of_origins(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        for answer in (
            await client.options(CHAT, headers=PAGE | asking("POST", "content-type")),
            await client.post(CHAT, json=counting(3), headers=PAGE),
            await client.get("/livez", headers=PAGE),
        ):
            assert not {name for name in answer.headers if name == "vary" or name.startswith("access-control-")}


@pytest.mark.parametrize(
    "wrong",
    [
        "page.example", "https://page.example/", "https://page.example/chat", "https://Page.example", "https://",
        "https://page.example:443", "http://page.example:80", "https://*.page.example", "https://a@page.example", "",
        "https://a.example https://b.example",
    ],
)  # fmt: skip
def test_what_no_browser_would_send_is_a_mistake(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"http\.cors_origins\.0: .*scheme://host"):
        load(None, [f'http.cors_origins=["{wrong}"]'], {})


@pytest.mark.parametrize(
    "right",
    [
        "*", "null", "https://page.example", "http://localhost:3000", "http://[::1]:3000", "app://obsidian.md",
        "tauri://localhost", "chrome-extension://abcdefghijklmnop", "https://page.example:8443",
    ],
)  # fmt: skip
def test_what_browsers_send_is_none(right: str) -> None:
    assert load(None, [f'http.cors_origins=["{right}"]'], {}).http.cors_origins == [right]
