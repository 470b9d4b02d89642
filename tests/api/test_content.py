"""What a body may be by its headers: JSON in UTF-8, packed or not, and nothing that another site's page can send."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from sluice.app import create_app
from sluice.settings import Settings
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

PATH = "/v1/chat/completions"
BODY = json.dumps(counting(3, stream=False)).encode()
PAGE = {"Origin": "https://page.example"}
LIMIT = 100_000


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, {"http": {"max_body_bytes": LIMIT}}) as running:
        yield running


async def post(server: Running, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        return await client.post(PATH, content=body, headers=headers)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;",
        "application/vnd.api+json", "application/json; charset=us-ascii", "application/json; profile=x", None,
    ],
)  # fmt: skip
async def test_json_by_its_type_is_read(server: Running, kind: str | None) -> None:
    answer = await post(server, BODY, {"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "1 2 3")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "text/plain; application/json"}, "Content-Type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "Content-Type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "Content-Type"),
        ({"Content-Type": "text/json"}, "Content-Type"),
        ({"Content-Type": "application/jsonp"}, "Content-Type"),
        ({"Content-Type": ""}, "Content-Type"),
        ({"Content-Type": "application/json; charset=utf-16"}, "utf-16"),
        ({"Content-Type": "application/json; charset=iso-8859-1"}, "UTF-8"),
        (PAGE, "Content-Type: application/json"),  # a page may send a body without a type
        ({"Content-Encoding": "br"}, "gzip, deflate"),
        ({"Content-Encoding": "gzip, gzip"}, "gzip, deflate"),
        ({"Content-Type": "x" * 5000}, "Content-Type"),
    ],
)  # fmt: skip
async def test_what_is_not_json_by_its_headers_is_415(server: Running, headers: dict[str, str], said: str) -> None:
    answer = await post(server, BODY, headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (415, "invalid_request_error")
    assert said in error["message"]
    assert len(error["message"]) < 300
    assert (await server.status())["peak_admitted"] == 0


def deflated(body: bytes) -> bytes:
    """Without zlib's head and tail, as some clients do it."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("packed", "body"),
    [
        ("gzip", gzip.compress(BODY)), ("x-gzip", gzip.compress(BODY)), ("GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)), ("deflate", deflated(BODY)), ("identity", BODY),
        ("gzip", gzip.compress(b"\xef\xbb\xbf" + BODY)),
    ],
)  # fmt: skip
async def test_a_packed_body_is_read(server: Running, packed: str, body: bytes) -> None:
    answer = await post(server, body, {"Content-Type": "application/json", "Content-Encoding": packed})
    assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "1 2 3")


BOMB = b" " * 100_000_000


@pytest.mark.parametrize(
    ("packed", "body", "status"),
    [
        ("gzip", gzip.compress(BODY)[:-9], 400),
        ("gzip", gzip.compress(BODY)[:5], 400),
        ("gzip", gzip.compress(BODY) + b"{}", 400),
        ("gzip", BODY, 400),
        ("gzip", b"", 400),
        ("deflate", zlib.compress(BODY)[:-1], 400),
        ("deflate", b"", 400),
        ("gzip", gzip.compress(BODY + b" " * LIMIT), 413),
        ("gzip", gzip.compress(BOMB), 413),
        ("deflate", zlib.compress(BOMB), 413),
        ("deflate", deflated(BOMB), 413),
    ],
)
async def test_a_packed_body_that_is_broken_or_too_long(server: Running, packed: str, body: bytes, status: int) -> None:
    answer = await post(server, body[:LIMIT], {"Content-Type": "application/json", "Content-Encoding": packed})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")


async def test_below_a_layer_for_cors_pages_of_other_sites_may_ask() -> None:
    app, outer = create_app(Settings(), FakeEngine()), FastAPI()
    await app.state.lifecycle.load()
    outer.mount("/llm", app)
    outer.add_middleware(CORSMiddleware, allow_origins=[PAGE["Origin"]], allow_methods=["POST"], allow_headers=["*"])
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://sluice") as client:
        allowed = await client.options("/llm" + PATH, headers=PAGE | asking)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, PAGE["Origin"])
        headers = PAGE | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        answer = await client.post("/llm" + PATH, json=counting(3, stream=False), headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE["Origin"])


async def test_without_such_a_layer_no_browser_is_told_that_it_may(server: Running) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.options(PATH, headers=PAGE | asking)
    assert not answer.is_success
    assert "access-control-allow-origin" not in answer.headers
