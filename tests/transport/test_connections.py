"""How long connections live and how they end: under `sluice serve`, for what is accelerated and for what is not."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sluice.settings import Http
from sluice.transport.asgi import Exchanged
from sluice.transport.base import Connection
from sluice.transport.connections import RESERVE, Connections
from sluice.transport.edge import Edge
from sluice.transport.kept import KeptProtocol
from sluice.transport.uvicorn import AcceleratedProtocol
from tests.conftest import left_behind
from tests.prompt import PromptServer
from tests.transport.test_contract import Scripted, pieces, whole

SHORT = {"header_timeout": 0.3, "keep_alive_timeout": 0.3, "body_timeout": 0.3}
LONG = {"header_timeout": 60, "keep_alive_timeout": 60, "body_timeout": 60}
GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"


def post(body: bytes = b"{}", *headers: bytes) -> bytes:
    lines = [b"POST /x HTTP/1.1", b"host: x", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, str]:
        """Status and head of the next one, whose body is read."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "transfer-encoding: chunked" in head:
            await self.reader.readuntil(b"0\r\n\r\n")
        else:
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            await self.reader.readexactly(int(length))
        return int(head.split(" ")[1]), head

    async def ask(self, data: bytes) -> tuple[int, str]:
        self.writer.write(data)
        return await self.answer()

    async def end(self, within: float = 10) -> bytes:
        """What comes until the server closes. Raises TimeoutError."""
        async with asyncio.timeout(within):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


class Kept:
    def __init__(self, connections: Connections, handler: Scripted, server: PromptServer, address: Any) -> None:
        self.connections, self.handler, self.server, self.address = connections, handler, server, address
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection(*self.address)))
        return self.clients[-1]

    async def has(self, number: int) -> None:
        """Wait until that many connections are open."""
        await until(lambda: len(self.connections.open) == number)


async def until(condition: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


@pytest.fixture(params=["accelerated", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@asynccontextmanager
async def kept(transport: str, script: Any = whole, **http: Any) -> AsyncIterator[Kept]:
    """The server; with None for a script it refuses all that is posted, and has not looked at the body."""
    before, handler = asyncio.all_tasks(), Scripted(script, None)

    async def exchange(_: Request) -> Response:
        return Exchanged(handler, "/x")

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive")

    app = Edge(Starlette(routes=[Route("/x", exchange, methods=["POST"]), Route("/livez", livez)]), handler.records)
    connections = Connections(Http.model_validate(http))
    kind = AcceleratedProtocol if transport == "accelerated" else KeptProtocol
    protocol = kind.with_handler(handler, connections)
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_level="critical")
    config.timeout_graceful_shutdown = 2
    server = PromptServer(config)
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        running = Kept(connections, handler, server, listener.getsockname())
        try:
            yield running
            for client in running.clients:
                client.writer.close()
            await running.has(0)
        finally:
            server.stop()
            connections.cut()
            await serving
    assert left_behind(before) == set()
    for countdown in (connections.heads, connections.idle, connections.unread):
        assert not countdown.until


async def trickle(client: Client, data: bytes, seconds: float) -> None:
    """A byte every 50 ms, again and again, as long as the server listens."""
    with contextlib.suppress(ConnectionError):
        for _ in range(int(seconds / 0.05)):
            client.writer.write(data)
            await client.writer.drain()
            await asyncio.sleep(0.05)


async def flood(client: Client) -> None:
    """Ten times as much as is read."""
    for _ in range(160):
        client.writer.write(b"x" * 100_000)
        await client.writer.drain()


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /livez HTTP/1.1\r\nhost", GET + GET[:-2]])
async def test_a_head_that_does_not_come_ends_the_connection(transport: str, sent: bytes) -> None:
    """On a new connection, and behind an answer."""
    async with kept(transport, **LONG | {"header_timeout": 0.3}) as server:
        client = await server.connect()
        client.writer.write(sent)
        assert (await client.end()).startswith(b"HTTP/1.1 200" if GET in sent else b"")


@pytest.mark.parametrize("sent", [b"\r\n", b"GET / HTTP/1.1\r\n", b"a: b\r\n"])
async def test_a_head_that_comes_slowly_has_no_more_time(transport: str, sent: bytes) -> None:
    async with kept(transport, **SHORT) as server:
        client = await server.connect()
        if sent == b"a: b\r\n":
            client.writer.write(b"GET / HTTP/1.1\r\n")
        if sent.startswith(b"GET"):
            client.writer.write(GET)
            await client.answer()
            sent = sent[:1]
            client.writer.write(b"G")
        trickling = asyncio.create_task(trickle(client, sent, seconds=5))
        started = time.monotonic()
        await client.end()
        assert time.monotonic() - started < 3
        await trickling


async def test_an_idle_connection_ends_when_its_time_is_over_and_not_before(transport: str) -> None:
    async with kept(transport, **LONG | {"keep_alive_timeout": 0.5}) as server:
        client = await server.connect()
        for _ in range(3):
            assert (await client.ask(post()))[0] == 201
            with pytest.raises(TimeoutError):
                await client.end(within=0.3)
        assert await client.end() == b""


async def test_nothing_ends_a_connection_that_is_being_answered(transport: str) -> None:
    going = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await going.wait()
        await pieces(connection)

    async with kept(transport, wait, **SHORT) as server:
        client = await server.connect()
        client.writer.write(post())
        with pytest.raises(TimeoutError):
            await client.end(within=1)
        going.set()
        assert (await client.answer())[0] == 200


async def test_who_was_refused_and_sends_no_body_is_not_waited_for_for_ever(transport: str) -> None:
    async with kept(transport, None, **LONG | {"body_timeout": 0.3}) as server:
        clients = [await server.connect() for _ in range(50)]
        for client in clients:
            status, head = await client.ask(post(b"x" * 1000)[:-1])
            assert (status, "connection: close" in head) == (429, False)
        await asyncio.gather(*(client.end() for client in clients))
        await server.has(0)


async def test_a_connection_goes_on_behind_a_body_that_was_dropped(transport: str) -> None:
    async with kept(transport, None, **LONG) as server:
        client = await server.connect()
        for _ in range(3):
            head, body = post(b"x")[:-1], b"x"
            assert (await client.ask(head))[0] == 429
            client.writer.write(body)
        assert (await client.ask(GET))[0] == 200
        assert not server.connections.unread.until


async def test_a_body_that_was_refused_is_dropped_up_to_a_size(transport: str) -> None:
    async with kept(transport, None, max_body_bytes=100_000, **LONG) as server:
        for header in (b"a: b", b"connection: close"):
            client = await server.connect()
            client.writer.write(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n" + header + b"\r\n\r\n")
            assert (await client.answer())[0] == 429
            with pytest.raises(ConnectionError):
                await flood(client)


async def test_no_byte_of_a_dropped_body_is_kept(transport: str) -> None:
    async with kept(transport, None, **LONG) as server:
        client = await server.connect()
        client.writer.write(post(b"x" * 3_000_000)[:-1])
        assert (await client.answer())[0] == 429
        await client.writer.drain()
        (connection,) = server.connections.open
        assert isinstance(connection, KeptProtocol)
        await until(lambda: connection.dropped > 2_500_000)
        assert (connection.cycle, len(connection.received)) == (None, 0)


async def test_an_idle_connection_keeps_nothing_of_its_last_request(transport: str) -> None:
    async with kept(transport, **LONG) as server:
        client = await server.connect()
        assert (await client.ask(post(b"{}", b"a: " + b"x" * 1000)))[0] == 201
        (connection,) = server.connections.open
        assert isinstance(connection, KeptProtocol)
        assert not any((connection.cycle, connection.body, connection.received, getattr(connection, "served", None)))


async def test_one_connection_too_many_ends_the_one_that_has_been_idle_longest(transport: str) -> None:
    async with kept(transport, max_connections=3, **LONG) as server:
        clients = [await server.connect() for _ in range(3)]
        for client in (clients[1], clients[0], clients[2]):
            assert (await client.ask(post()))[0] == 201
        assert (await (await server.connect()).ask(GET))[0] == 200
        assert await clients[1].end() == b""
        assert (await clients[0].ask(GET))[0] == 200
        assert (await (await server.connect()).ask(post()))[0] == 201
        assert await clients[2].end() == b""
        await server.has(3)


@pytest.mark.parametrize("held", [b"", b"POST /x HT", post(b"xx")[:-1]])
async def test_those_that_hold_connections_do_not_keep_others_out(transport: str, held: bytes) -> None:
    """Be it for a head, or for a body that was refused already."""
    async with kept(transport, None, max_connections=3, **LONG) as server:
        holding = [await server.connect() for _ in range(3)]
        for client in holding:
            client.writer.write(held)
            await client.writer.drain()
        await asyncio.sleep(1.1)  # a head has a moment
        for _ in holding:
            assert (await (await server.connect()).ask(post(b"{}", b"connection: close")))[0] == 429
        await holding[0].end()


async def test_while_all_connections_are_busy_probes_are_answered(transport: str) -> None:
    going = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await going.wait()
        await whole(connection)

    async with kept(transport, wait, max_connections=2, **LONG) as server:
        busy = [await server.connect() for _ in range(2)]
        for client in busy:
            client.writer.write(post())
        await until(lambda: len(server.handler.handled) == 2)
        endless = GET.replace(b"/livez", b"/status/events")
        for request, status in ((GET, 200), (post(b"x" * 1_000_000), 503), (endless, 503), (GET, 200)):
            extra = await server.connect()
            answered, head = await extra.ask(request)
            assert (answered, "connection: close" in head) == (status, True)
            assert await extra.end() == b""
            extra.writer.close()
        silent = [await server.connect() for _ in range(RESERVE + 5)]
        assert (await (await server.connect()).ask(GET))[0] == 200
        assert await silent[0].end() == b""
        assert len(server.connections.open) <= 2 + RESERVE
        going.set()
        for client in busy:
            assert (await client.answer())[0] == 201
            assert (await client.ask(GET))[0] == 200


async def test_draining_ends_what_is_idle_and_lets_answers_finish(transport: str) -> None:
    going = asyncio.Event()

    async def wait(connection: Connection) -> None:
        connection.begin([], b"1")
        await going.wait()
        connection.end(b"2")

    async with kept(transport, wait, **LONG) as server:
        idle, busy, pipelined, fresh = [await server.connect() for _ in range(4)]
        assert (await idle.ask(GET))[0] == 200
        busy.writer.write(post())
        pipelined.writer.write(post() + GET)
        for client in (busy, pipelined):
            assert b"connection: close" not in await client.reader.readuntil(b"1\r\n")
        server.connections.drain()
        assert await idle.end() == b""
        status, head = await fresh.ask(GET)
        assert (status, "connection: close" in head) == (200, True)
        assert await fresh.end() == b""
        going.set()
        for client in (busy, pipelined):
            assert (await client.end()).endswith(b"2\r\n0\r\n\r\n")


async def test_while_draining_each_answer_says_that_it_is_the_last(transport: str) -> None:
    async with kept(transport, None, **LONG) as server:
        unread = await server.connect()
        assert (await unread.ask(post(b"xx")[:-1]))[0] == 429
        server.connections.drain()
        unread.writer.write(b"x")
        assert await unread.end() == b""
        for request in (post(b"x" * 1_000_000), GET, post().replace(b"/x", b"/nowhere")):
            client = await server.connect()
            assert "connection: close" in (await client.ask(request))[1]
            client.writer.write_eof()
            assert await client.end() == b""


@pytest.mark.parametrize("ends", ["drain", "time", "crowd"])
async def test_an_answer_that_is_read_slowly_arrives_although_its_connection_is_idle(ends: str) -> None:
    """The accelerator's: over ASGI an answer is sent as it is read, and the connection is not idle meanwhile."""

    async def long(connection: Connection) -> None:
        connection.answer(200, [], b"x" * 20_000_000)

    limits = LONG | {"keep_alive_timeout": 0.3 if ends == "time" else 60}
    async with kept("accelerated", long, max_connections=1, **limits) as server:
        client = await server.connect()
        client.writer.write(post())
        await until(lambda: len(server.connections.idle.until) == 1)
        if ends == "drain":
            server.connections.drain()
        elif ends == "crowd":
            assert (await (await server.connect()).ask(GET))[0] == 200
        await until(lambda: not server.connections.idle.until)
        assert (await client.end()).endswith(b"x" * 20_000_000)


async def test_what_is_stuck_is_cut(transport: str) -> None:
    async with kept(transport, None, **LONG) as server:
        client = await server.connect()
        await client.ask(post(b"x" * 1000, b"connection: close")[:-1])
        assert len(server.connections.open) == 1
        server.connections.cut()
        await client.end()
