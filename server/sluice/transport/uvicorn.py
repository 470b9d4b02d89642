"""The accelerator: uvicorn's HTTP protocol, with a handler beside its ASGI application for what is to cost little."""

from collections.abc import Callable
from typing import Any, Self

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from sluice.errors import Disconnected, RequestError
from sluice.settings import Http
from sluice.transport.base import Handler, Headers
from sluice.transport.connections import Connections
from sluice.transport.kept import KeptProtocol


class UvicornConnection:
    """A Connection of uvicorn's: the same writes as its ASGI `send` makes, without a coroutine each."""

    __slots__ = ("cycle", "headers", "is_last", "is_stuck", "on_complete", "on_lost", "transport")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self.cycle, self.transport = cycle, cycle.transport
        self.is_last = self.is_stuck = False
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
        head = self.head(200, headers)
        self.put(b"%btransfer-encoding: chunked\r\n\r\n%b" % (head, chunk(body) if body else b""))

    def head(self, status: int, headers: Headers) -> bytes:
        cycle = self.cycle
        cycle.response_started = True
        if cycle.waiting_for_100_continue:  # whether a body follows is the client's choice now
            cycle.keep_alive = False
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines += [b"%b: %b\r\n" % header for header in cycle.default_headers]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        return b"".join(lines)

    def put(self, data: bytes) -> None:
        if not self.cycle.disconnected:
            self.transport.write(data)

    def write(self, body: bytes) -> bool:
        if self.is_stuck:
            return False
        self.transport.write(chunk(body))
        return True

    async def drain(self) -> None:
        await self.cycle.flow.drain()

    def end(self, body: bytes) -> None:
        self.put(b"%b0\r\n\r\n" % chunk(body))
        self.complete()

    def complete(self) -> None:
        cycle = self.cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if self.on_complete is not None:
            self.on_complete()
            self.on_complete = None  # an idle connection keeps nothing of its last request
        if self.is_last or not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def chunk(body: bytes) -> bytes:
    """A piece of a chunked body; an empty one would end it."""
    return b"%x\r\n%b\r\n" % (len(body), body)


class AcceleratedProtocol(KeptProtocol):
    """uvicorn makes one a connection, of the class that `with_handler` gives; without a handler all goes to ASGI."""

    handler: Handler | None
    served: UvicornConnection | None = None

    @classmethod
    def with_handler(cls, handler: Handler | None, connections: Connections | None = None) -> type[Self]:
        return type(cls.__name__, (cls,), {"handler": handler, "kept": connections or Connections(Http())})

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """uvicorn's, for each request when its turn comes on this connection."""
        scope, app, handler = cycle.scope, self.take_turn(cycle, app), self.handler
        if handler is None or app is not self.app or scope["method"] != "POST" or scope["path"] not in handler.paths:
            super()._start_asgi_task(cycle, app)
            return
        if self.flow.write_paused:  # answers to earlier requests pile up, and nobody reads them
            self.transport.abort()
            return
        self.served = UvicornConnection(cycle)
        exchange = handler.enter(scope["path"], self.served)
        if exchange is not None:
            self.served.on_complete = exchange.leave
            task = self.loop.create_task(cycle.run_asgi(lambda *_: exchange.serve()))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            task.add_done_callback(lambda _: exchange.leave())

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.served is not None:
            self.served.is_stuck = True

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.served is not None:
            self.served.is_stuck = False

    def forget(self) -> None:
        super().forget()
        self.served = None

    def connection_lost(self, exc: Exception | None) -> None:
        served = self.served
        super().connection_lost(exc)
        if served is not None and not served.cycle.response_complete:
            served.is_stuck = served.cycle.disconnected = True  # uvicorn tells its newest request only
            served.cycle.message_event.set()
            if served.on_lost is not None:
                served.on_lost(Disconnected("The client closed the connection."))
