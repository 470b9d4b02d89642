"""The accelerator: uvicorn's HTTP protocol, with a handler beside its ASGI application for what is to cost little."""

from collections.abc import Callable
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from sluice.errors import Disconnected, RequestError
from sluice.transport.base import FAULT, Headers
from sluice.transport.http1 import chunk
from sluice.transport.kept import KeptProtocol
from sluice.transport.path import canonical_path
from sluice.transport.record import Record
from sluice.transport.unread import bytes_taken


class UvicornConnection:
    """A Connection of uvicorn's: the same writes as its ASGI `send` makes, without a coroutine each.

    `frame`: what a piece of a body that goes on is on the wire. Where its length is known it has none, nor in HTTP/1.0,
    which has no chunks; its streams end with the connection.
    """

    __slots__ = ("cycle", "frame", "headers", "is_last", "is_stuck", "on_complete", "on_lost", "record", "transport")

    def __init__(self, cycle: RequestResponseCycle, record: Record) -> None:
        self.cycle, self.transport, self.record = cycle, cycle.transport, record
        self.is_last = self.is_stuck = False
        self.frame: Callable[[bytes], bytes] = bytes if cycle.scope["http_version"] == "1.0" else chunk
        self.headers: Headers = list(cycle.scope["headers"])
        self.on_complete: Callable[[], None] | None = None
        self.on_lost: Callable[[RequestError], None] | None = None

    @property
    def has_begun(self) -> bool:
        return self.cycle.response_started

    def read(self) -> bytes | None:
        cycle = self.cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        return body

    async def receive(self) -> Message:
        return dict(await self.cycle.receive())

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        head = self.head(status, headers)
        self.put(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.complete()

    def begin(self, headers: Headers, body: bytes) -> None:
        cycle = self.cycle
        if any(name == b"content-length" for name, _ in headers):
            self.frame = bytes
        cycle.chunked_encoding = self.frame is chunk
        coding = b"transfer-encoding: chunked\r\n" if cycle.chunked_encoding else b""
        self.put(b"%b%b\r\n%b" % (self.head(200, headers), coding, self.frame(body) if body else b""))

    def head(self, status: int, headers: Headers) -> bytes:
        cycle = self.cycle
        cycle.response_started = True
        self.record.status = status
        if status == FAULT:
            cycle.keep_alive = False
        if cycle.waiting_for_100_continue:  # whether a body follows is the client's choice now
            cycle.keep_alive = False
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines += [b"%b: %b\r\n" % header for header in cycle.default_headers]
        lines += [b"%b: %b\r\n" % header for header in self.record.headers]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        return b"".join(lines)

    def put(self, data: bytes) -> None:
        if not self.cycle.disconnected:
            self.transport.write(data)

    def write(self, body: bytes) -> bool:
        if self.is_stuck:
            return False
        self.transport.write(self.frame(body))
        return True

    async def drain(self) -> None:
        await self.cycle.flow.drain()

    def taken(self) -> int:
        """Of all requests on this connection: what the client's machine has acknowledged."""
        if self.cycle.disconnected:
            return 0
        return bytes_taken(self.transport)

    def end(self, body: bytes) -> None:
        self.put(self.frame(body) + (b"0\r\n\r\n" if self.cycle.chunked_encoding else b""))
        self.complete()

    def complete(self) -> None:
        cycle = self.cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if self.on_complete is not None:
            self.on_complete()
            self.on_complete = None  # an idle connection keeps nothing of its last request
        self.record.close()
        if self.is_last or not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


class AcceleratedProtocol(KeptProtocol):
    """Hands what is posted to the handler's paths to the handler, and all else to the ASGI application."""

    served: UvicornConnection | None = None

    def start(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        if scope["method"] != "POST" or (path := canonical_path(scope)) not in self.handler.paths:
            super().start(cycle, app)
            return
        record = self.handler.records.open(scope)
        served = self.served = UvicornConnection(cycle, record)
        exchange = self.handler.enter(path, served)
        if exchange is not None:
            served.on_complete = exchange.leave
            task = self.loop.create_task(cycle.run_asgi(lambda *_: exchange.serve()))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            task.add_done_callback(lambda _: exchange.leave())
            task.add_done_callback(lambda _: record.close())

    def on_response_complete(self) -> None:
        self.served = None
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.served is not None:
            self.served.is_stuck = True

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.served is not None:
            self.served.is_stuck = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.served is not None:
            self.served.is_stuck = True
            if self.served.on_lost is not None:
                self.served.on_lost(Disconnected("The client closed the connection."))
