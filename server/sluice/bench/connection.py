"""HTTP/1.1 as cheap as it gets in Python: the generator shares the machine with the server that it measures.

Connections are kept alive and used again, the one used last first, as the OpenAI SDK and gateways do: a fresh one for
each request would cost both sides more than a refusal itself, and would measure the kernel's accept queue. When none is
idle one more is opened, so no request ever waits for another.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

import httptools

from sluice.bench.received import Received

IDLE = 2.0
"""Seconds after which an idle connection isn't used again: servers close theirs after 5 or more."""


class Unreachable(Exception):
    """No connection could be opened."""


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reusable = False
        self.done: asyncio.Future[None] | None = None

    async def ask(self, request: bytes, answer: Received) -> None:
        """Send it, and fill the answer until it is complete. Raises ConnectionError when the connection ends before."""
        if self.transport.is_closing():
            raise ConnectionResetError
        self.answer, self.reusable = answer, False
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own has another base

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.transport.abort()
            self.end(ConnectionAbortedError(str(error)))

    def connection_lost(self, error: Exception | None) -> None:
        self.end(ConnectionResetError(str(error or "closed")))

    def end(self, error: ConnectionError | None = None) -> None:
        if self.done is None or self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answer.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.answer.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.answer.feed(body)

    def on_message_complete(self) -> None:
        self.reusable = self.parser.should_keep_alive()
        self.end()


class Pool:
    """The connections to one server."""

    def __init__(self, host: str, port: int, tls: bool, clock: Callable[[], float]) -> None:
        self.host, self.port, self.clock = host, port, clock
        self.tls = ssl.create_default_context() if tls else None
        self.idle: list[tuple[Connection, float]] = []
        self.opened = 0

    async def ask(self, request: bytes, answer: Received) -> None:
        """Raises Unreachable, or ConnectionError when the connection ends before the answer."""
        connection = self.take() or await self.open()
        try:
            await connection.ask(request, answer)
        finally:
            if connection.reusable:
                self.idle.append((connection, self.clock()))
            else:
                connection.transport.abort()

    def take(self) -> Connection | None:
        while self.idle:
            connection, since = self.idle.pop()
            if self.clock() - since < IDLE and not connection.transport.is_closing():
                return connection
            connection.transport.abort()
        return None

    async def open(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(Connection, self.host, self.port, ssl=self.tls)
        except OSError as error:
            raise Unreachable((error.strerror or str(error)).partition(" (while")[0]) from error
        self.opened += 1
        return connection

    def close(self) -> None:
        while self.idle:
            self.idle.pop()[0].transport.abort()
