"""A server that says what it has understood, below either protocol of ours, and a client that sends bytes."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sluice.errors import RequestError
from sluice.transport.base import Connection
from sluice.transport.http1 import Http1Protocol
from sluice.transport.record import Records
from sluice.transport.uvicorn import AcceleratedProtocol
from tests.conftest import left_behind
from tests.prompt import PromptServer

PROTOCOLS = {"accelerated": AcceleratedProtocol, "http1": Http1Protocol}
"""With the handler, and through ASGI alone."""


class Echo:
    """The Handler, and the same as an application. `/x` answers with the body; `/refused` at once; `/stream` by an
    event stream of which the last event comes when `may_end`; `/late` answers when `may_end`.

    `bodies`: those that have come, in order; `headers`: the last one's. `lost`: how many were gone before their answer.
    """

    paths = ("/x", "/refused", "/stream", "/late")
    send_timeout = None

    def __init__(self) -> None:
        self.records = Records()
        self.bodies, self.headers = list[bytes](), list[tuple[bytes, bytes]]()
        self.entered = self.lost = self.left = 0
        self.arrived, self.may_end, self.gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.app = Starlette(
            routes=[Route(path, self.endpoint, methods=["GET", "POST"]) for path in (*self.paths, "/got")]
        )

    def enter(self, path: str, connection: Connection) -> "Echoing | None":
        self.entered += 1
        if path == "/refused":
            connection.answer(429, [], b"full")
            return None
        return Echoing(self, path, connection)

    def malformed(self, path: str, status: int, message: str) -> bytes:
        return json.dumps({"error": message}).encode()

    async def endpoint(self, request: Request) -> Response:
        if request.method == "POST":
            self.entered += 1
        path = request.url.path
        if path == "/refused":
            return Response(b"full", 429)
        body = await request.body()
        self.got(body, request.headers.raw)
        if path == "/stream":
            return StreamingResponse(self.events(), media_type="text/event-stream")
        if path == "/late":
            listening = asyncio.create_task(self.listen(request))
            await self.may_end.wait()
            listening.cancel()
        return Response(body or b"nothing")

    def got(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.bodies.append(body)
        self.headers = headers
        self.arrived.set()

    async def events(self) -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            await self.may_end.wait()
            yield b"data: 2\n\n"
        except BaseException:
            self.lose()
            raise

    async def listen(self, request: Request) -> None:
        await request.receive()
        self.lose()

    def lose(self, _: RequestError | None = None) -> None:
        self.lost += 1
        self.gone.set()


class Echoing:
    """The Exchange."""

    def __init__(self, echo: Echo, path: str, connection: Connection) -> None:
        self.echo, self.path, self.connection = echo, path, connection

    async def serve(self) -> None:
        connection, body = self.connection, b""
        while True:
            message = await connection.receive()
            if message["type"] == "http.disconnect":
                self.echo.lose()
                return
            body += message["body"]
            if not message["more_body"]:
                break
        connection.on_lost = self.echo.lose
        self.echo.got(body, connection.headers)
        if self.path == "/stream":
            connection.begin([(b"content-type", b"text/event-stream")], b"data: 1\n\n")
            await self.ended()
            connection.end(b"data: 2\n\n")
            return
        if self.path == "/late":
            await self.ended()
        connection.answer(200, [], body or b"nothing")

    async def ended(self) -> None:
        """Wait until it may end, or nobody is there."""
        waits = [asyncio.create_task(event.wait()) for event in (self.echo.may_end, self.echo.gone)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def leave(self) -> None:
        self.echo.left += 1


@asynccontextmanager
async def serving(protocol: str) -> AsyncIterator[tuple[Echo, tuple[str, int]]]:
    """The echo and its address. Nothing is left of it."""
    before, echo = asyncio.all_tasks(), Echo()
    kind = PROTOCOLS[protocol].with_handler(echo)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(echo.app, http=kind, ws="none", lifespan="off", log_level="warning")
        server = PromptServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield echo, listener.getsockname()
        finally:
            echo.may_end.set()
            server.stop()
            await serving
    assert left_behind(before) == set()


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes, size: int = 1 << 20) -> None:
        """In pieces of that size, each of which the server sees by itself."""
        for at in range(0, len(data), size):
            self.writer.write(data[at : at + size])
            await self.writer.drain()
            if size < len(data):
                await asyncio.sleep(0.001)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return int(raw.split(" ")[1]), {n.lower(): v for n, v in re.findall(r"^([\w-]+): (.*)\r$", raw, re.M)}

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next one that has a length."""
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers["content-length"]))

    async def rest(self) -> bytes:
        return await self.reader.read()


@asynccontextmanager
async def talking(address: tuple[str, int]) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


def post(body: bytes = b"", headers: str = "", path: str = "/x", version: str = "1.1") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def chunked(*chunks: bytes, headers: str = "", trailers: str = "", extension: str = "", path: str = "/x") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension.encode(), chunk) for chunk in chunks)
    return head.encode() + body + f"0\r\n{trailers}\r\n".encode()


def error(raw: bytes) -> Any:
    """Status of the one answer there is, an error that closes the connection."""
    head, body = raw.split(b"\r\n\r\n", 1)
    assert b"\r\nconnection: close" in head
    assert json.loads(body)["error"]
    return int(head.split(b" ")[1])
