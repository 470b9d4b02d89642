"""The server's life, in a process of its own: loading, signals, drain, failure. Real sockets, real signals."""

import asyncio
import json
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import EXITS, FakeEngine
from tests.process import Process, started

HANGS_SOON = {"engine": {"stall_timeout": 0.3} | EXITS["engine"]}
ENDLESS = 3000
"""Longer than any of these tests: the fake model has room for about 4,000 tokens."""


def serve_fake(engine: dict[str, Any] | None = None, **traffic: Any) -> AbstractAsyncContextManager[Process]:
    settings = EXITS | {"http": {"port": 0}, "traffic": traffic}
    return started("tests.serve_fake", json.dumps(settings), json.dumps(engine or {}))


def counting(last: int, stream: bool = True) -> dict[str, Any]:
    return {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": f"Count from 1 to {last}"}]}


async def ask(server: Process, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        return await client.post("/v1/chat/completions", json=body)


@asynccontextmanager
async def streaming(server: Process, last: int) -> AsyncIterator[AsyncIterator[str]]:
    """The events of a stream that runs: its first one has arrived."""
    await server.readiness("ready")
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
        client.stream("POST", "/v1/chat/completions", json=counting(last)) as answer,
    ):
        assert answer.status_code == 200
        events = (line.removeprefix("data: ") async for line in answer.aiter_lines() if line)
        await anext(events)
        yield events


async def rest_of(events: AsyncIterator[str]) -> tuple[list[dict[str, Any]], str]:
    """All chunks up to the last event, and that one."""
    *chunks, last = [event async for event in events]
    return [json.loads(chunk) for chunk in chunks], last


def finish_reasons(chunks: list[dict[str, Any]]) -> set[str | None]:
    return {choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]}


def assert_refused(answer: httpx.Response, phase: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (503, "service_unavailable_error", phase)
    assert int(answer.headers["retry-after"]) > 0


async def test_the_port_answers_while_the_model_loads() -> None:
    async with serve_fake({"waits": True}) as server:
        await server.line("Loading 1/1: pretending", within=10)
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/metrics")).status_code == 200
            assert_refused(await client.get("/v1/models"), "starting")
        assert_refused(await ask(server, counting(3)), "starting")
        loading = await server.readiness("starting")
        progress = loading.json()["progress"]
        assert loading.status_code == 503
        assert int(loading.headers["retry-after"]) > 0
        assert (progress["stage"], progress["step"], progress["steps"]) == ("pretending", 1, 1)
        assert 0 <= progress["seconds"] < 60
        server.send(signal.SIGUSR2)
        ready = await server.readiness("ready")
        assert (ready.status_code, ready.json()) == (200, {"phase": "ready"})
        assert (await ask(server, counting(3))).text.endswith("data: [DONE]\n\n")
        assert sum((await server.status())["rejected"].values()) == 0


async def test_sigterm_lets_a_running_stream_finish() -> None:
    async with serve_fake({"seconds_a_token": 0.02}) as server:
        async with streaming(server, 50) as events:
            server.send(signal.SIGTERM)
            assert (await server.readiness("draining")).status_code == 503
            assert_refused(await ask(server, counting(3)), "draining")
            chunks, last = await rest_of(events)
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == " ".join(
            map(str, range(1, 51))
        )
        assert (chunks[-1]["choices"][0]["finish_reason"], last) == ("stop", "[DONE]")
        assert await server.exit_code(within=5) == 0
        assert server.lines[-1] == "sluice: Draining: running requests finish, new ones are refused"


async def test_a_stream_that_outlasts_the_drain_ends_with_an_error() -> None:
    async with serve_fake({"seconds_a_token": 0.01}, drain_timeout=0.3) as server:
        whole = asyncio.create_task(ask(server, counting(ENDLESS, stream=False)))
        async with streaming(server, ENDLESS) as events:
            await server.has(running=2)
            server.send(signal.SIGTERM)
            chunks, last = await rest_of(events)
        error = json.loads(last)["error"]
        assert (error["type"], error["code"]) == ("service_unavailable_error", "draining")
        assert finish_reasons(chunks) <= {None}
        assert_refused(await whole, "draining")
        assert await server.exit_code(within=5) == 0
        assert "Traceback" not in "\n".join(server.lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_second_signal_hurries(number: signal.Signals) -> None:
    async with serve_fake({"seconds_a_token": 0.01}, drain_timeout=100) as server:
        async with streaming(server, ENDLESS) as events:
            server.send(number)
            await server.readiness("draining")
            server.send(number)
            _, last = await asyncio.wait_for(rest_of(events), 5)
        assert json.loads(last)["error"]["code"] == "draining"
        assert await server.exit_code(within=5) == 0


async def test_a_body_that_still_arrives_does_not_hold_up_the_end() -> None:
    async with serve_fake(drain_timeout=0.2) as server:
        await server.readiness("ready")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        await server.has(admitted=1)
        server.send(signal.SIGTERM)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert await server.exit_code(within=10) == 0
        assert "Traceback" not in "\n".join(server.lines)


async def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    """The process ends within its time, all told."""
    async with serve_fake(drain_timeout=8) as server:
        await server.readiness("ready")
        body = json.dumps(counting(ENDLESS) | {"n": 16}).encode()  # more than the sockets hold
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await server.has(running=16)
            server.send(signal.SIGTERM)
            assert await server.exit_code(within=8) == 0
            received = b"".join(iter(lambda: client.recv(65536), b""))
            assert b"data: " in received
            assert b"error" not in received, "the stream was not blocked"
            assert b"[DONE]" not in received


async def test_sigterm_ends_the_loading() -> None:
    async with serve_fake({"waits": True}) as server:
        await server.line("Loading", within=10)
        server.send(signal.SIGTERM)
        assert await server.exit_code(within=5) == 0
        assert server.lines[1:] == ["sluice: Loading 1/1: pretending"]


async def test_a_model_that_cannot_be_loaded_is_one_line_and_exit_1() -> None:
    reason = "The model [x] cannot be loaded: no such folder: ./x"
    async with serve_fake({"failure": reason}) as server:
        assert await server.exit_code(within=10) == 1
        assert server.lines[1:] == ["sluice: Loading 1/1: pretending", f"sluice: {reason}"]


async def test_an_engine_that_dies_ends_what_is_inside_and_the_server() -> None:
    async with serve_fake({"seconds_a_token": 0.01}, concurrency=2) as server:
        async with streaming(server, ENDLESS) as events:
            inside = [asyncio.create_task(ask(server, counting(ENDLESS, stream=False)))]
            await server.has(running=2)
            inside += [asyncio.create_task(ask(server, counting(ENDLESS, stream))) for stream in (True, False)]
            await server.has(waiting=2)
            server.send(signal.SIGUSR1)
            chunks, last = await rest_of(events)
        error = json.loads(last)["error"]
        assert (error["type"], error["code"]) == ("service_unavailable_error", "failed")
        assert finish_reasons(chunks) <= {None}
        for answer in await asyncio.gather(*inside):
            assert_refused(answer, "failed")
            assert answer.json()["error"]["message"] == "The engine died."
        assert await server.exit_code(within=5) == 1
        assert server.lines[-1] == "sluice: The engine died."


async def readiness(client: httpx.AsyncClient, status: int) -> dict[str, Any]:
    """Ask `/readyz` until it answers with this status. Raises TimeoutError."""
    async with asyncio.timeout(10):
        while (answer := await client.get("/readyz")).status_code != status:
            pass
    state: dict[str, Any] = answer.json()
    return state


async def test_an_engine_that_hangs_is_not_ready_until_it_has_stepped(serve: Serve, fake: FakeEngine) -> None:
    """However long ago those who waited for it have given up: nothing runs any more that it could step for."""
    async with serve(fake, HANGS_SOON) as server, httpx.AsyncClient(base_url=server.url) as client:
        fake.going.clear()
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=counting(3)))
        state = await readiness(client, 503)
        assert (state["phase"], state["stalled_seconds"] >= 0.3) == ("ready", True)
        assert_refused(await client.post("/v1/chat/completions", json=counting(3)), "stalled")
        assert (await client.get("/livez")).status_code == 200
        asking.cancel()
        await server.is_empty()
        while not fake.live:
            assert_refused(await client.post("/v1/chat/completions", json=counting(3)), "stalled")
        assert (await server.status())["running"] == 0, "what is in the engine then is in no books"
        fake.going.set()
        assert await readiness(client, 200) == {"phase": "ready"}
        assert (await client.post("/v1/chat/completions", json=counting(3))).status_code == 200
        finished = Counter((await server.status())["finished"])
    assert finished == Counter(aborted=1, finished=1)


async def test_requests_that_give_up_soon_do_not_hide_that_it_hangs(serve: Serve, fake: FakeEngine) -> None:
    async with (
        serve(fake, HANGS_SOON | {"traffic": {"first_token_timeout": 0.05}}) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        fake.going.clear()
        codes = list[str]()
        async with asyncio.timeout(10):
            while "stalled" not in codes:
                answer = await client.post("/v1/chat/completions", json=counting(3, stream=False))
                codes.append(answer.json()["error"]["code"])
        assert set(codes) == {"first_token_timeout", "stalled"}
    assert fake.live == {}, "it hangs at the end, too"
