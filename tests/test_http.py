"""HTTP as `sluice serve` speaks it, byte for byte, in a process of its own: with the accelerator and without."""

import asyncio
import json
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx
import pytest

from tests.fake import answer
from tests.process import Process, started
from tests.test_lifecycle import counting
from tests.transport.echo import Peer, post, talking
from tests.transport.test_hostile import ENDLESS, pour
from tests.transport.test_http1 import MALFORMED, UPGRADES

PATH = "/v1/chat/completions"


SLOW = {"seconds_a_token": 0.2}


@pytest.fixture(scope="module", params=[True, False], ids=["accelerated", "asgi"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Process]:
    settings = {"http": {"port": 0, "accelerate": request.param}, "traffic": {"concurrency": 4}}
    async with started("tests.serve_fake", json.dumps(settings), json.dumps(SLOW)) as server:
        await server.readiness("ready")
        yield server
        assert not any("Traceback" in line for line in server.lines)


@pytest.fixture
async def server(running: Process) -> AsyncIterator[Process]:
    yield running
    await running.has(admitted=0, running=0, waiting=0, within=5)


def address(server: Process) -> tuple[str, int]:
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


def asking(last: int, stream: bool, headers: str = "", version: str = "1.1") -> bytes:
    return post(json.dumps(counting(last, stream)).encode(), headers, PATH, version)


def text(body: bytes, stream: bool) -> str:
    """Raises AssertionError if the answer is not complete."""
    if not stream:
        message: str = json.loads(body)["choices"][0]["message"]["content"]
        return message
    *events, done, end = body.decode().split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if not event.startswith(":")]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


async def answered(peer: Peer) -> bytes:
    """The body of the next answer, whatever ends it."""
    status, headers = await peer.head()
    while status == 100:
        status, headers = await peer.head()
    assert status == 200
    if "content-length" in headers:
        return await peer.reader.readexactly(int(headers["content-length"]))
    if "transfer-encoding" not in headers:
        return await peer.rest()
    body = b""
    while size := int(await peer.reader.readuntil(b"\r\n"), 16):
        body += (await peer.reader.readexactly(size + 2))[:-2]
    await peer.reader.readexactly(2)
    return body


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_upgrade_a_half_closed_side_and_http_1_0_change_no_answer(
    server: Process, stream: bool, version: str
) -> None:
    async with talking(address(server)) as peer:
        await peer.send(asking(3, stream, UPGRADES[0], version))
        if version == "1.1":
            peer.writer.write_eof()
        assert text(await answered(peer), stream) == "".join(answer("Count from 1 to 3"))


@pytest.mark.parametrize("stream", [True, False])
async def test_who_has_gone_leaves_its_seat_within_a_second(server: Process, stream: bool) -> None:
    aborted = (await server.status())["finished"]["aborted"]
    async with talking(address(server)) as peer:
        await peer.send(asking(2000, stream))
        await server.has(running=1)
        if stream:
            await peer.head()
    await server.has(running=0, admitted=0, within=1)
    assert (await server.status())["finished"]["aborted"] == aborted + 1


@pytest.mark.parametrize("what", ["a folded header", "two lengths", "noise", "HTTP/2 by itself"])
async def test_what_is_malformed_gets_openais_error_object(server: Process, what: str) -> None:
    status, sent = MALFORMED[what]
    async with talking(address(server)) as peer:
        await peer.send(sent)
        got, body = await peer.answer()
        error = json.loads(body)["error"]
        assert (got, error["type"], error["code"]) == (status, "invalid_request_error", "malformed_request")
        assert (error["param"], bool(error["message"])) == (None, True)


async def test_nobody_waits_for_what_has_no_end(server: Process) -> None:
    """Of all kinds at once, 60 MB each."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        pouring = asyncio.gather(*(asyncio.to_thread(pour, address(server), sent()) for _, sent in ENDLESS.values()))
        while not pouring.done():
            assert (await client.get("/livez", timeout=2)).status_code == 200
        await pouring


async def test_10000_idle_connections_keep_nobody_waiting(server: Process) -> None:
    number = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    with ExitStack() as idle:
        for _ in range(number):
            idle.enter_context(socket.create_connection(address(server)))
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            await client.get("/livez")  # behind all that is to be accepted
            took = list[float]()
            for _ in range(5):
                began = time.monotonic()
                assert (await client.get("/livez")).status_code == 200
                took.append(time.monotonic() - began)
            assert min(took) < 1  # the machine may be busy with something else once
            assert text((await client.post(PATH, json=counting(3, True))).content, True) == "1 2 3"
