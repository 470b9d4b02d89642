"""The application under ASGI servers that know nothing of it: uvicorn, hypercorn and granian, each as it comes."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from sluice.settings import CONFIG
from tests.process import ROOT, Process, started
from tests.test_lifecycle import ENDLESS, ask, counting, rest_of, streaming

COMMANDS = [line.split()[1:] for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"{CONFIG}=")]
"""The README's, without the settings that each begins with: the server, its options, the application."""
AT = {"uvicorn": ["--port", "{}"], "hypercorn": ["--bind", "127.0.0.1:{}"], "granian": ["--port", "{}"]}


def test_all_three_are_in_the_readme() -> None:
    assert {command[0] for command in COMMANDS} == set(AT)
    assert {command[-1] for command in COMMANDS} == {"sluice.asgi:app"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def serving(name: str, **traffic: Any) -> AsyncIterator[Process]:
    async with of_the_readme(name, "tests.asgi_fake:app", {"ASGI_FAKE": json.dumps({"traffic": traffic})}) as server:
        await server.line("Ready", within=60)
        await server.listens(within=10)
        yield server


@asynccontextmanager
async def of_the_readme(name: str, app: str, env: dict[str, str]) -> AsyncIterator[Process]:
    """The server, as the README starts it, but for the application and the port."""
    (options,) = (command[1:-1] for command in COMMANDS if command[0] == name)
    port = free_port()
    at = [option.format(port) for option in AT[name]]
    async with started(name, *options, *at, app, listens=False, env=env) as server:
        server.url = f"http://127.0.0.1:{port}"
        yield server


@pytest.fixture(params=AT)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


async def test_it_streams_refuses_exactly_and_notices_who_hangs_up(name: str) -> None:
    async with serving(name, concurrency=2, max_concurrency=4) as server:
        async with streaming(server, ENDLESS), streaming(server, ENDLESS):
            waiting = [asyncio.create_task(ask(server, counting(3, stream))) for stream in (True, False)]
            await server.has(admitted=4, running=2, waiting=2)
            refusals = await asyncio.gather(*(ask(server, counting(3)) for _ in range(20)))
            assert {(refusal.status_code, refusal.json()["error"]["code"]) for refusal in refusals} == {
                (429, "max_concurrency")
            }
            assert all(int(refusal.headers["retry-after"]) > 0 for refusal in refusals)
            for task in waiting:
                task.cancel()
            await server.has(admitted=2, waiting=0, within=5)
        await server.has(admitted=0, running=0, waiting=0, within=5)
        async with streaming(server, 50) as events:
            chunks, last = await rest_of(events)
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == " ".join(
            map(str, range(1, 51))
        )
        assert last == "[DONE]"
        status = await server.status()
        assert status["rejected"]["max_concurrency"] == 20
        assert status["finished"] == {"finished": 1, "aborted": 4, "expired": 0, "rejected": 0, "failed": 0}


async def test_who_does_not_read_is_cut_off(name: str) -> None:
    async with serving(name, send_timeout=1, stall_timeout=20) as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
            body = json.dumps(counting(ENDLESS) | {"n": 64}).encode()  # much more than the sockets hold
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
            client.sendall(body)
            await server.has(running=64)
            await server.has(admitted=0, running=0, within=60)
            assert (await server.status())["expired"]["send_timeout"] == 64


async def test_head_has_no_body_and_answers_have_an_id(name: str) -> None:
    async with (
        serving(name) as server,
        httpx.AsyncClient(base_url=server.url, headers={"x-request-id": "mine"}) as client,
    ):
        for _ in range(2):  # over one connection: a body would be taken for the next answer
            head, got = await client.head(f"{server.url}//livez/"), await client.get(f"{server.url}/v1/models")
            assert (head.status_code, head.content, head.headers["x-request-id"]) == (200, b"", "mine")
            assert (got.status_code, got.json()["object"]) == (200, "list")
        assert (await client.get(f"{server.url}/v1%2Fmodels")).status_code == 404
        assert (await ask(server, counting(3))).headers["x-request-id"].startswith("req_")


async def test_sigterm_lets_a_running_stream_finish(name: str) -> None:
    async with serving(name) as server:
        async with streaming(server, 100) as events:
            server.send(signal.SIGTERM)
            chunks, last = await rest_of(events)
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == " ".join(
            map(str, range(1, 101))
        )
        assert last == "[DONE]"
        assert await server.exit_code(within=20) in {0, -signal.SIGTERM}  # uvicorn ends by the signal that it was sent
        assert any("Draining" in line for line in server.lines)


@pytest.mark.timeout(600)
async def test_the_real_engine_below_a_process_that_may_have_no_children() -> None:
    """Hypercorn's worker is daemonic; so vLLM could start none of its own."""
    env = {CONFIG: "configs/demo.yaml", "SLUICE_ENGINE__EXTRA__ENFORCE_EAGER": "true"}  # which is quicker
    async with of_the_readme("hypercorn", "sluice.asgi:app", env) as server:
        await server.line("Ready", within=500)
        async with streaming(server, 30) as events:
            server.send(signal.SIGTERM)
            chunks, last = await rest_of(events)
        assert last == "[DONE]"
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        family = server.family()
        assert await server.exit_code(within=60) == 0
        _, left = await asyncio.to_thread(psutil.wait_procs, family, timeout=20)
        assert left == []
