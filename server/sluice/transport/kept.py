"""The same protocol, with a life of its connections that has limits and ends politely."""

import asyncio
from contextlib import suppress
from typing import Any, Self, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from sluice.settings import Http
from sluice.transport.base import Handler
from sluice.transport.body import Body
from sluice.transport.connections import Connections
from sluice.transport.countdown import Countdown
from sluice.transport.http1 import Http1Protocol

ENDLESS = "/status/events"
"""What is read there has no end: it would keep a connection that is for probes."""


class KeptProtocol(Http1Protocol):
    """`kept`: all connections of the server. `countdown`: the one that this is in, None while it is being answered.
    `dropped`: bytes read since the answer, of the request that it was for. `is_ending`: nothing more is answered.
    """

    kept: Connections
    countdown: Countdown | None = None
    is_extra = is_ending = False
    dropped = 0

    @classmethod
    def with_handler(cls, handler: Handler, connections: Connections | None = None) -> type[Self]:
        return type(cls.__name__, (cls,), {"handler": handler, "kept": connections or Connections(Http())})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's is wider
        super().connection_made(transport)
        self.ending = EndingTransport(self)
        self.kept.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.wait(None)
        self.kept.discard(self)

    def advance(self) -> None:
        if not self.is_ending:
            super().advance()
            self.settle()

    def settle(self) -> None:
        """Wait for what has to come next. Nothing that is no request gives one that is idle more time."""
        kept, awaited = self.kept, self.kept.idle
        if self.is_ending:
            return
        if self.cycle is not None:
            self.wait(None)
            return
        if self.body is not None:
            awaited = kept.unread
        elif self.received or self.countdown is kept.heads:
            awaited = kept.heads
        elif kept.is_draining:
            self.end()
            return
        if self.countdown is not awaited:
            self.dropped = 0
            self.wait(awaited)

    def wait(self, countdown: Countdown | None) -> None:
        """From now on, and for nothing else."""
        if self.countdown is not None:
            self.countdown.discard(self)
        self.countdown = countdown
        if countdown is not None:
            countdown.add(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """For each request when its turn comes on this connection."""
        cycle.transport = cast(asyncio.Transport, self.ending)
        if self.kept.is_draining or self.is_extra:
            cycle.keep_alive = False
        if self.is_extra and (cycle.scope["method"] == "POST" or cycle.scope["path"].endswith(ENDLESS)):
            super()._start_asgi_task(cycle, cast(Any, self.kept.full))
        else:
            self.start(cycle, app)

    def start(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, app)

    def read_body(self, body: Body) -> None:
        before, is_dropped = len(self.received), self.cycle is None
        super().read_body(body)
        if is_dropped:
            self.dropped += before - len(self.received)
            if self.dropped > self.kept.most_dropped:
                self.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.settle()

    def last_answer(self) -> None:
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def end(self, is_sending: bool = False) -> None:
        """If the client sends still, the kernel would reset a connection that is closed, and the answer with it."""
        if self.is_ending or self.transport.is_closing():
            return
        self.is_ending = True
        if self.half_closed is None and (is_sending or self.body is not None or self.received):
            self.transport.set_protocol(Lingering(self))
            with suppress(OSError):  # it is broken, and will be lost
                self.transport.write_eof()
            self.flow.hold(False)
            self.flow.resume_reading()
            self.wait(self.kept.unread)
        else:
            self.transport.close()
        self.received.clear()

    def cut(self) -> None:
        """Its time is over; but what is on its way to the client still goes there."""
        if not self.transport.get_write_buffer_size():
            self.abort()
            return
        self.wait(None)
        self.is_ending = True
        self.transport.close()

    def abort(self) -> None:
        self.wait(None)
        self.kept.discard(self)
        self.is_ending = True
        self.transport.abort()

    def shutdown(self) -> None:
        """uvicorn's, when the server ends."""
        if self.cycle is not None:
            self.last_answer()
        else:
            self.end()


class EndingTransport:
    """A connection's transport as a request knows it, which ends the connection where uvicorn would close it."""

    def __init__(self, protocol: KeptProtocol) -> None:
        self.transport = protocol.transport
        self.write, self.close = protocol.transport.write, protocol.end

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class Lingering(asyncio.Protocol):
    """In the place of a protocol that has answered: reads and drops, until the client closes or its time is over."""

    def __init__(self, protocol: KeptProtocol) -> None:
        self.protocol = protocol
        self.dropped = 0

    def data_received(self, data: bytes) -> None:
        self.dropped += len(data)
        if self.dropped > self.protocol.kept.most_dropped:
            self.protocol.abort()

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.connection_lost(exc)
