"""Which request is meant: one form of each path, on either transport, and HEAD for all that can be got."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sluice.app import create_app
from sluice.settings import Settings
from sluice.transport.path import canonical_path
from tests.api.test_rules import ADA, DESCRIBED, OF_OPERATORS, OPERATOR, PROBES, asking, key
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

NAMES = ["demo", "org/name", "/models/local/", "naïve"]
KEYS = {"tenants": [{"name": "ada"} | key("ada")]} | OPERATOR | {"served_model_name": NAMES}


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, {"served_model_name": NAMES}) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("root", "path", "raw", "canonical"),
    [
        ("", "/v1/models", b"/v1/models", "/v1/models"),
        ("", "//v1///models//", b"//v1///models//", "/v1/models"),
        ("", "/v1/models/", None, "/v1/models"),
        ("", "/", b"/", "/"),
        ("", "///", b"///", "/"),
        ("", "/v1/models", b"/v1%2Fmodels", "/v1%2Fmodels"),
        ("", "/v1/models", b"/v1%2fmodels", "/v1%2Fmodels"),
        ("", "/v1/models", b"/%76%31/models", "/v1/models"),
        ("", "/a b/c", b"/a%20b/c/", "/a b/c"),
        ("", "/a b/c/d", b"/a%20b/c%2Fd/", "/a b/c%2Fd"),
        ("/llm", "/llm/v1/models/", b"/llm/v1/models/", "/llm/v1/models"),
        ("/llm", "/llm//v1/models", b"/llm//v1/models", "/llm/v1/models"),
        ("/a//b", "/a//b//status", b"/a//b//status", "/a//b/status"),
        ("/llm", "/llm/v1/models", b"/llm%2Fv1/models", "/llm%2Fv1/models"),
        ("/llm", "/v1//models", b"/v1//models", "/v1/models"),
    ],
)
def test_one_form_of_each_path(root: str, path: str, raw: bytes | None, canonical: str) -> None:
    scope: dict[str, Any] = {"root_path": root, "path": path} | ({} if raw is None else {"raw_path": raw})
    assert canonical_path(scope) == canonical


@pytest.mark.parametrize("path", ["//v1/chat/completions", "/v1/chat/completions/", "/v1//chat///completions//?x=y"])
@pytest.mark.parametrize("stream", [True, False])
async def test_doubled_and_trailing_slashes_are_served(
    server: Running, client: httpx.AsyncClient, path: str, stream: bool
) -> None:
    answer = await client.post(server.url + path, json=counting(3, stream))
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n") == stream


@pytest.mark.parametrize("path", ["/v1//models", "//v1/models/", "/status/", "//livez", "/v1/models?x=y", "//docs"])
async def test_so_they_are_where_something_is_read(server: Running, client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(server.url + path, headers={"Host": "elsewhere.example"})
    assert answer.status_code == 200
    assert "elsewhere.example" not in answer.text


@pytest.mark.parametrize("path", ["/v1%2Fmodels", "/v1/chat%2fcompletions", "/%2Flivez", "/v1", "/page"])
async def test_other_paths_are_not(server: Running, client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await client.request(method, httpx.URL(server.url, raw_path=path.encode()), json=counting(3))
        assert answer.status_code == 404
        assert "location" not in answer.headers


@pytest.mark.parametrize("prefix", ["", "/llm"])
@pytest.mark.parametrize("path", ["//status", "/status/", "//metrics//", "//v1//models/", "/v1/models/demo//"])
async def test_no_form_of_a_path_goes_past_its_rule(prefix: str, path: str) -> None:
    app = create_app(Settings.model_validate(KEYS), FakeEngine())
    await app.state.lifecycle.load()
    if prefix:
        outer = FastAPI()
        outer.mount(prefix, app)
        app = outer
    async with asking(app) as client:
        assert (await client.get(f"http://sluice{prefix}{path}")).status_code == 401
    name = "ada" if "models" in path else "operator"
    async with asking(app, name) as client:
        assert (await client.get(f"http://sluice{prefix}{path}")).status_code == 200


@pytest.mark.parametrize("path", [*sorted(PROBES | OF_OPERATORS | DESCRIBED), "/v1/models", "/v1/models/demo"])
async def test_head_is_get_without_a_body(server: Running, client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(server.url + path), await client.head(server.url + path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    varying = {"date", "x-request-id", "request-id"} | ({"content-length"} if path in OF_OPERATORS else set())
    assert set(head.headers) == set(got.headers)
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in got.headers.items() if name not in varying
    }


async def test_head_of_what_is_not_well() -> None:
    async with asking(create_app(Settings.model_validate(ADA), FakeEngine())) as client:
        for path, status in (("/readyz", 503), ("/status", 401), ("/v1/nothing", 404), ("/livez", 200)):
            answer = await client.head(path)
            assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("demo", "demo"), ("org/name", "org/name"), ("org%2Fname", "org/name"), ("org%2fname", "org/name"),
        ("/models/local/", "/models/local/"), ("%2Fmodels%2Flocal%2F", "/models/local/"), ("na%C3%AFve", "naïve"),
        ("other", None), ("org", None), ("name", None), ("%2F", None),
    ],
)  # fmt: skip
async def test_one_model(server: Running, client: httpx.AsyncClient, path: str, name: str | None) -> None:
    answer = await client.get(httpx.URL(server.url, raw_path=f"/v1/models/{path}".encode()))
    if name is None:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    else:
        cards = (await client.get(f"{server.url}/v1/models")).json()["data"]
        assert [answer.json()] == [card for card in cards if card["id"] == name]


@pytest.mark.parametrize("name", NAMES)
async def test_openais_sdk_finds_each_model(server: Running, name: str) -> None:
    async with server.openai() as client:
        assert (await client.models.retrieve(name)).id == name
