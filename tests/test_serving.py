"""What `sluice serve` is beside its application: the listener, the signals, and the accelerator's choice."""

import asyncio
import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from fastapi.middleware.cors import CORSMiddleware

from sluice import serving
from sluice.app import create_app
from sluice.settings import Settings
from tests.fake import FakeEngine
from tests.process import started
from tests.test_lifecycle import counting, rest_of, streaming


async def test_an_application_with_middleware_is_served_through_it() -> None:
    settings, engine, said = Settings(), FakeEngine(), list[str]()
    app = create_app(settings, engine)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(serving.run(app, settings, [listener], said.append))
        try:
            await app.state.lifecycle.loaded.wait()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
            async with httpx.AsyncClient(timeout=60) as client:
                page = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}
                streamed = await client.post(url, json=counting(3), headers=page)
            assert streamed.headers["access-control-allow-origin"] == "*"
            assert streamed.text.endswith("data: [DONE]\n\n")
            signal.raise_signal(signal.SIGTERM)
            assert await asyncio.wait_for(running, 20) == 0
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
    assert said == ["Not accelerated: requests have to pass CORSMiddleware"]
    assert (engine.stopped, app.state.lifecycle.phase) == (True, "stopped")


@pytest.mark.parametrize("accelerate", [True, False])
async def test_without_the_accelerator_it_is_the_same_server(accelerate: bool) -> None:
    settings = {"http.port": 0, "http.accelerate": accelerate, "http.cors_origins": ["https://ours.example"]}
    async with started("tests.serve_fake", json.dumps(settings), "{}") as server:
        await server.readiness("ready")
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            streamed = await client.post("/v1/chat/completions", json=counting(9))
            page = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}
            refused = await client.post("/v1/chat/completions", json=counting(9), headers=page)
            page["Origin"] = "https://ours.example"
            allowed = await client.post("/v1/chat/completions", json=counting(9), headers=page)
        assert streamed.text.endswith("data: [DONE]\n\n")
        assert "access-control-allow-origin" not in refused.headers
        assert (allowed.text.endswith("data: [DONE]\n\n"), allowed.headers["access-control-allow-origin"]) == (
            True, "https://ours.example",
        )  # fmt: skip
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
        server.send(signal.SIGTERM)
        assert await server.exit_code(within=20) == 0
        assert not any("accelerated" in line for line in server.lines)


@pytest.mark.parametrize("accelerate", [True, False])
async def test_while_it_drains_connections_end_with_their_answers(accelerate: bool) -> None:
    """And what is stuck does not hold up the end: here who was refused and never sends its body."""
    settings = {"http.port": 0, "http.accelerate": accelerate}
    async with started("tests.serve_fake", json.dumps(settings), '{"seconds_a_token": 0.02}') as server:
        await server.readiness("ready")
        port = int(server.url.rpartition(":")[2])
        async with streaming(server, 100) as events:
            idle, stuck = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            idle[1].write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"connection" not in await idle[0].readuntil(b"alive")
            stuck[1].write(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
            await stuck[0].readuntil(b"\r\n\r\n")
            server.send(signal.SIGTERM)
            await server.readiness("draining")
            assert await asyncio.wait_for(idle[0].read(), 1) == b'"}'
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                answers = [await client.get(path) for path in ("/livez", "/readyz", "/v1/models", "/nowhere")]
                answers.append(await client.post("/v1/chat/completions", json=counting(3)))
            assert {answer.headers.get("connection") for answer in answers} == {"close"}
            chunks, last = await rest_of(events)
        assert (len(chunks), last) == (200, "[DONE]")
        assert await server.exit_code(within=3) == 0
        for _, writer in (idle, stuck):
            writer.close()


def test_the_limit_on_descriptors_is_raised_and_some_are_left_for_others() -> None:
    code = (
        "import resource; from sluice.serving import connection_room; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, {most})); "
        "print(connection_room(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    for most, told in ((4096, "3840 4096 4096"), (256, "128 256 256")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(most=most)], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == told.split()
