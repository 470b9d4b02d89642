"""The application without a server of ours: under TestClient, below a prefix, behind somebody else's middleware."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient

from sluice import serving
from sluice.app import create_app
from sluice.settings import Settings
from sluice.transport.kept import KeptProtocol
from sluice.transport.uvicorn import AcceleratedProtocol
from tests.conftest import left_behind
from tests.fake import FakeEngine
from tests.prompt import PromptServer
from tests.test_lifecycle import ENDLESS, counting


def test_under_test_client() -> None:
    with TestClient(create_app(Settings(), FakeEngine())) as client:
        while client.get("/readyz").status_code != 200:
            pass
        whole = client.post("/v1/chat/completions", json=counting(3, stream=False))
        assert whole.json()["choices"][0]["message"]["content"] == "1 2 3"
        assert client.post("/v1/chat/completions", json=counting(3)).text.endswith("data: [DONE]\n\n")
        status = client.get("/status").json()
        assert (status["admitted"], status["finished"]["finished"]) == (0, 2)


def somebody_elses(app: FastAPI) -> FastAPI:
    """An application that mounts ours below a prefix, and has middleware of its own."""
    parent = FastAPI(lifespan=app.router.lifespan_context)
    parent.add_middleware(CORSMiddleware, allow_origins=["https://page.example"], allow_methods=["POST"])
    parent.mount("/llm", app)

    @parent.get("/")
    async def root() -> str:
        return "mine"

    return parent


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = PromptServer(uvicorn.Config(app, log_level="warning"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            yield client
        server.stop()
        await running
    assert left_behind(before) == set()


async def test_mounted_below_a_prefix_behind_cors() -> None:
    engine = FakeEngine()
    app = create_app(Settings.model_validate({"traffic": {"concurrency": 1, "max_concurrency": 1}}), engine)
    async with served(somebody_elses(app)) as client:
        await app.state.lifecycle.loaded.wait()
        assert (await client.get("/")).json() == "mine"
        assert (await client.get("/llm/readyz")).status_code == 200
        assert (await client.get("/llm/v1/models")).json()["data"][0]["id"] == "demo"
        page = {"Origin": "https://page.example"}
        asked = {"Access-Control-Request-Method": "POST"}
        assert (await client.options("/llm/v1/chat/completions", headers=page | asked)).status_code == 200
        streamed = await client.post("/llm/v1/chat/completions", json=counting(5), headers=page)
        assert streamed.headers["access-control-allow-origin"] == "https://page.example"
        chunks = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: {")]
        assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "1 2 3 4 5"
        assert streamed.text.endswith("data: [DONE]\n\n")
        engine.going.clear()
        inside = asyncio.create_task(client.post("/llm/v1/chat/completions", json=counting(ENDLESS)))
        while (await client.get("/llm/status")).json()["running"] != 1:
            pass
        assert (await client.post("/llm/v1/chat/completions", json=counting(3))).status_code == 429
        inside.cancel()
        await asyncio.wait_for(app.state.controller.empty.wait(), 5)
        assert (await client.get("/v1/models")).status_code == 404
    assert engine.stopped


async def test_a_lifespan_that_nobody_runs_is_told_of() -> None:
    parent = FastAPI()
    parent.mount("/llm", create_app(Settings(), FakeEngine()))
    async with served(parent) as client:
        refused = await client.post("/llm/v1/chat/completions", json=counting(3))
        assert refused.status_code == 503
        assert "lifespan" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("phase", "version", "says"), [("draining", "1.1", True), ("draining", "2", False), ("ready", "1.1", False)]
)
async def test_while_draining_each_answer_of_http_1_ends_its_connection(phase: str, version: str, says: bool) -> None:
    app, sent = create_app(Settings(), FakeEngine()), list[Any]()
    app.state.lifecycle.phase = phase

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    for method, path in (("GET", "/livez"), ("POST", "/v1/chat/completions"), ("GET", "/nowhere")):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": version, "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
        }  # fmt: skip
        await app(scope, receive, send)
    heads = [message["headers"] for message in sent if message["type"] == "http.response.start"]
    assert [(b"connection", b"close") in head for head in heads] == [says] * 3


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("middleware", [True, False])
def test_the_accelerator_stands_aside_by_itself_and_by_its_setting(accelerate: bool, middleware: bool) -> None:
    settings, said = Settings.model_validate({"http": {"accelerate": accelerate}}), list[str]()
    app = create_app(settings, FakeEngine())
    if middleware:
        app.add_middleware(CORSMiddleware, allow_origins=["*"])
    expected = AcceleratedProtocol if accelerate and not middleware else KeptProtocol
    assert serving.protocol(app, settings, said.append) is expected
    assert said == (["Not accelerated: requests have to pass CORSMiddleware"] if accelerate and middleware else [])
