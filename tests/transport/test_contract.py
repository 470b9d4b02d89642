"""What every transport promises to a Handler: one suite over the accelerator and over ASGI, on real sockets."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sluice.errors import Disconnected, Expired, RequestError
from sluice.transport.asgi import Exchanged
from sluice.transport.base import Connection
from sluice.transport.edge import Edge
from sluice.transport.record import Records
from sluice.transport.uvicorn import AcceleratedProtocol
from tests.conftest import left_behind
from tests.prompt import PromptServer

Script = Callable[[Connection], Awaitable[None]]
PIECE = b"x" * 65536


class Handled:
    """An Exchange that does as its script says. `left`: how often; `gone`, with what it was told in `lost`; `over`."""

    def __init__(self, connection: Connection, script: Script) -> None:
        self.connection, self.script = connection, script
        self.left = 0
        self.lost: list[RequestError] = []
        self.gone = asyncio.Event()
        self.over = asyncio.Event()

    async def serve(self) -> None:
        while True:
            message = await self.connection.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        self.connection.on_lost = self.lose
        try:
            await self.script(self.connection)
        finally:
            self.over.set()

    def lose(self, reason: RequestError) -> None:
        self.lost.append(reason)
        self.gone.set()

    def leave(self) -> None:
        self.left += 1


class Scripted:
    """A Handler of one path; None for a script refuses everything."""

    paths = ("/x",)
    records = Records()

    def __init__(self, script: Script | None, send_timeout: float | None) -> None:
        self.script, self.send_timeout = script, send_timeout
        self.handled: list[Handled] = []
        self.entered = asyncio.Event()

    def enter(self, path: str, connection: Connection) -> Handled | None:
        assert (path, dict(connection.headers)[b"host"]) == ("/x", b"x")
        if self.script is None:
            connection.answer(429, [(b"retry-after", b"7")], b"full")
            return None
        self.handled.append(Handled(connection, self.script))
        self.entered.set()
        return self.handled[-1]

    def malformed(self, path: str, status: int, message: str) -> bytes:
        return b"%d: %b" % (status, message.encode())


class Peer:
    """A client that reads when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def post(self, body: bytes = b"{}", times: int = 1) -> None:
        self.writer.write((b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)) * times)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next one. Raises IncompleteReadError if it has no end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*)\r$", head, re.M)}
        status = int(head.split(" ")[1])
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n")), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return status, headers, body


@pytest.fixture(params=["accelerated", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@asynccontextmanager
async def served(
    transport: str, script: Script | None, send_timeout: float | None = None
) -> AsyncIterator[tuple[Scripted, Peer]]:
    """A server of that handler and a client of it; nothing is left of either."""
    before, handler = asyncio.all_tasks(), Scripted(script, send_timeout)

    async def endpoint(_: Request) -> Response:
        return Exchanged(handler, "/x")

    protocols: dict[str, Any] = {"accelerated": AcceleratedProtocol.with_handler(handler), "asgi": "httptools"}
    app = Edge(Starlette(routes=[Route("/x", endpoint, methods=["POST"])]), handler.records)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        config = uvicorn.Config(app, http=protocols[transport], lifespan="off", log_level="critical")
        server = PromptServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, listener.getsockname())
            reader, writer = await asyncio.open_connection(sock=client, limit=65536)
            yield handler, Peer(reader, writer)
            writer.close()
        finally:
            server.stop()
            await serving
    assert left_behind(before) == set()
    assert all(handled.left >= 1 for handled in handler.handled)


async def whole(connection: Connection) -> None:
    connection.answer(201, [(b"a", b"b")], b"whole")


async def pieces(connection: Connection) -> None:
    connection.begin([(b"content-type", b"text/event-stream"), (b"a", b"b")], b"1")
    for piece in (b"2", b"3"):
        assert connection.write(piece)
        await connection.drain()
    assert connection.has_begun
    connection.end(b"4")


@pytest.mark.parametrize("script", [whole, pieces])
async def test_an_answer_is_left_with_its_last_byte(transport: str, script: Script) -> None:
    """And not only when its task ends, or the client's next request would meet its own seat."""
    answered = asyncio.Event()

    async def linger(connection: Connection) -> None:
        await script(connection)
        await answered.wait()

    async with served(transport, linger) as (handler, peer):
        peer.post()
        status, headers, body = await peer.answer()
        assert (handler.handled[0].left, handler.handled[0].over.is_set()) == (1, False)
        answered.set()
        assert headers["a"] == "b"
        assert (status, body) in {(201, b"whole"), (200, b"1234")}


async def test_a_refusal_has_no_exchange(transport: str) -> None:
    async with served(transport, None) as (handler, peer):
        peer.post()
        status, headers, body = await peer.answer()
        assert (status, headers["retry-after"], body, handler.handled) == (429, "7", b"full", [])


async def test_a_body_in_two_halves(transport: str) -> None:
    async with served(transport, whole) as (handler, peer):
        peer.writer.write(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        await peer.writer.drain()
        await handler.entered.wait()
        assert not handler.handled[0].over.is_set()
        peer.writer.write(b"}")
        assert (await peer.answer())[2] == b"whole"


@pytest.mark.parametrize("script", [whole, pieces])
async def test_one_connection_carries_many_requests(transport: str, script: Script) -> None:
    async with served(transport, script) as (handler, peer):
        for _ in range(3):
            peer.post()
            await peer.answer()
        peer.post(times=3)  # which do not wait for each other
        bodies = {(await peer.answer())[2] for _ in range(3)}
        assert len(bodies) == 1
        assert [handled.left > 0 for handled in handler.handled] == [True] * 6


async def test_a_reader_that_stops_is_waited_for_and_misses_nothing(transport: str) -> None:
    stuck, sent = asyncio.Event(), list[int]()

    async def flood(connection: Connection) -> None:
        connection.begin([], b"begun")
        while connection.write(PIECE):
            sent.append(len(PIECE))
            await asyncio.sleep(0)
        stuck.set()
        await connection.drain()
        connection.end(b"end")

    async with served(transport, flood) as (handler, peer):
        peer.post()
        await stuck.wait()
        assert not handler.handled[0].over.is_set()
        assert handler.handled[0].left == 0
        _, _, body = await peer.answer()
        assert body == b"begun" + b"x" * sum(sent) + b"end"


async def test_what_a_reader_takes_is_seen_and_what_it_leaves_is_not(transport: str) -> None:
    stuck, seen = asyncio.Event(), list[int]()

    async def flood(connection: Connection) -> None:
        connection.begin([], b"begun")
        written = 0
        while connection.write(PIECE):
            written += len(PIECE)
            await asyncio.sleep(0)
        seen.extend((connection.taken(), written))
        stuck.set()
        await connection.drain()
        seen.insert(1, connection.taken())
        connection.end(b"end")

    async with served(transport, flood) as (_, peer):
        peer.post()
        await stuck.wait()
        await peer.answer()
        before, after, written = seen
        assert before < min(after, written)


@pytest.mark.parametrize("begins", [True, False])
async def test_who_hangs_up_is_told_of(transport: str, begins: bool) -> None:
    async def wait(connection: Connection) -> None:
        if begins:
            connection.begin([], b"1")
        await handler.handled[0].gone.wait()
        connection.write(b"more") if begins else connection.answer(503, [], b"late")

    async with served(transport, wait) as (handler, peer):
        peer.post()
        await handler.entered.wait()
        if begins:
            await peer.reader.readuntil(b"1\r\n")
        peer.writer.close()
        handled = handler.handled[0]
        await handled.over.wait()
        assert [type(reason) for reason in handled.lost] == [Disconnected]


async def test_what_has_no_end_is_cut_off(transport: str) -> None:
    """The client must not take it for complete."""

    async def break_off(connection: Connection) -> None:
        connection.begin([], b"1")
        await connection.drain()

    async with served(transport, break_off) as (_, peer):
        peer.post()
        with pytest.raises(asyncio.IncompleteReadError):
            await peer.answer()


async def test_over_asgi_the_transport_itself_gives_up_on_who_does_not_read() -> None:
    """Under `sluice serve` the kernel does."""

    async def flood(connection: Connection) -> None:
        connection.begin([], b"begun")
        while True:
            await connection.drain()
            if handler.handled[0].gone.is_set():
                return
            connection.write(PIECE)

    async with served("asgi", flood, send_timeout=0.1) as (handler, peer):
        peer.post()
        await handler.entered.wait()
        await handler.handled[0].over.wait()
        (reason,) = handler.handled[0].lost
        assert isinstance(reason, Expired)
        assert reason.code == "send_timeout"
