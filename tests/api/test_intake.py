"""What comes in through the intake, byte for byte: cheap refusals, and connections that carry several requests."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest

from sluice.app import create_app
from sluice.errors import Unavailable
from sluice.settings import Settings
from tests.api.raw import RawClient
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import ENDLESS, counting
from tests.virtual import VirtualLoop

accelerated = pytest.mark.parametrize("transport", ["accelerated"])
"""What only the accelerator promises: with ASGI it is the server's to do, and uvicorn does it in another way."""
REFUSAL = re.compile(rb"HTTP/1\.1 429 .*?\r\n\r\n\{.*?\}\}", re.DOTALL)


def request(body: dict[str, Any], *headers: str) -> bytes:
    content = json.dumps(body).encode()
    head = ["POST /v1/chat/completions HTTP/1.1", "host: x", f"content-length: {len(content)}", *headers, "", ""]
    return "\r\n".join(head).encode() + content


@contextmanager
def connected(server: Running) -> Iterator["Client"]:
    with closing(socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1])))) as connection:
        connection.setblocking(False)
        yield Client(connection)


class Client:
    """Its calls make no task of their own."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def receive(self, wanted: bytes) -> bytes:
        """All that has come when `wanted` has. Raises ConnectionError if the connection ends before."""
        while wanted not in self.received:
            data = await asyncio.get_running_loop().sock_recv(self.connection, 65536)
            if not data:
                raise ConnectionError(self.received)
            self.received += data
        received, self.received = self.received, b""
        return received


@contextmanager
def tasks_made() -> Iterator[list[str]]:
    """The coroutines of all tasks that are made meanwhile."""
    loop, made = asyncio.get_running_loop(), list[str]()

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(make)
    try:
        yield made
    finally:
        loop.set_task_factory(None)


@asynccontextmanager
async def full(serve: Serve, fake: FakeEngine) -> AsyncIterator[tuple[Running, Client]]:
    """A server whose only seat is taken, and a client of it. Afterwards the seat is given back."""
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server:
        with connected(server) as inside, connected(server) as client:
            await inside.send(request(counting(ENDLESS)))
            await server.has(running=1)
            yield server, client
        await server.is_empty()


@accelerated
async def test_a_refusal_makes_no_task_and_waits_for_no_body(serve: Serve, fake: FakeEngine) -> None:
    """And the connection goes on, whatever comes of the body."""
    async with full(serve, fake) as (_, client):
        with tasks_made() as made:
            for _ in range(3):
                head, separator, body = request(counting(3)).partition(b"\r\n\r\n")
                await client.send(head + separator)
                assert REFUSAL.search(await client.receive(b'"max_concurrency"}}'))
                await client.send(body)
        assert made == []
        await client.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await client.receive(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


@accelerated
@pytest.mark.parametrize("header", ["connection: close", "expect: 100-continue"])
async def test_a_refusal_that_ends_the_connection(serve: Serve, fake: FakeEngine, header: str) -> None:
    """The second kind of client waits to be told whether it may send its body: it is not known what comes next."""
    async with full(serve, fake) as (_, client):
        await client.send(request(counting(3), header))
        with pytest.raises(ConnectionError, match="connection: close") as end:
            await client.receive(b"never")
        assert REFUSAL.search(end.value.args[0])


async def test_requests_that_do_not_wait_for_each_other_are_answered_in_turn(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, max_concurrency=1) as server:
        with connected(server) as client:
            await client.send(request(counting(2)) + request(counting(3, stream=False)) + request(counting(4)))
            answers = await client.receive(b'"content":"4"')
            answers += await client.receive(b"0\r\n\r\n")
            assert [answers.count(part) for part in (b"HTTP/1.1 200 OK", b"[DONE]", b'"1 2 3"')] == [3, 2, 1]


async def test_a_connection_ends_with_an_error_event(serve: Serve, fake: FakeEngine, transport: str) -> None:
    """Or is ready for the next request, where it is not ours to close."""
    fake.seconds_a_token = 0.01
    async with serve(fake, stall_timeout=0.2) as server:
        with connected(server) as client:
            await client.send(request(counting(ENDLESS)))
            await client.receive(b'"content":"1"')
            fake.going.clear()
            await client.receive(b'"stall_timeout"}}\n\n\r\n0\r\n\r\n')
            await client.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            if transport == "asgi":
                assert (await client.receive(b"alive")).startswith(b"HTTP/1.1 200 OK")
            else:
                with pytest.raises(ConnectionError):
                    await asyncio.wait_for(client.receive(b"HTTP"), 2)
        fake.going.set()


@accelerated
async def test_who_hangs_up_gives_up_all_that_it_has_asked(serve: Serve, fake: FakeEngine) -> None:
    """The request that is being answered, and the one behind it, which never starts."""
    fake.seconds_a_token = 0.01
    async with serve(fake, concurrency=1) as server:
        with connected(server) as client:
            await client.send(request(counting(ENDLESS)) * 2)
            await client.receive(b'"content":"1"')
        await server.is_empty()
        assert (await server.status())["finished"] == {
            "finished": 0,
            "aborted": 1,
            "expired": 0,
            "rejected": 0,
            "failed": 0,
        }


async def send_all(client: Client, pieces: list[bytes]) -> None:
    """Raises TimeoutError if one is not taken for 3 s."""
    for piece in pieces:
        await asyncio.wait_for(client.send(piece), 3)


@accelerated
async def test_refusals_that_nobody_reads_do_not_pile_up(serve: Serve, fake: FakeEngine) -> None:
    """Who sends them is held back; what is sent here would be 100 MB."""
    many = request(counting(3)) * 100
    async with full(serve, fake) as (server, client):
        with pytest.raises(TimeoutError):
            await send_all(client, [many] * (100_000_000 // len(many)))
        assert (await server.status())["admitted"] == 1


def test_a_seat_whose_task_never_begins_is_given_back() -> None:
    loop = VirtualLoop()
    app = create_app(Settings.model_validate({}), FakeEngine(), clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    client = RawClient(counting(3), {}, halves=False)
    client.ask(app.state.intake, loop)
    assert client.task is not None
    client.task.cancel()
    assert app.state.controller.seats.taken == 1
    loop.settle()
    assert app.state.controller.seats.taken == 0
    assert app.state.controller.finished["failed"] == 1
    loop.close()


def test_an_interruption_reaches_a_request_whose_task_has_not_begun() -> None:
    loop, engine = VirtualLoop(), FakeEngine()
    app = create_app(Settings.model_validate({}), engine, clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    client = RawClient(counting(3) | {"n": 1, "max_tokens": 9}, {}, halves=False)
    client.ask(app.state.intake, loop)
    app.state.controller.interrupt_all(Unavailable("Going down.", code="draining"))
    loop.settle()
    assert (client.verdict(), client.status, engine.renders) == ("refused", 503, 0)
    assert app.state.controller.seats.taken == 0
    loop.close()
