"""uvicorn's HTTP protocol, with a life of its connections that has limits and ends politely."""

import asyncio
from contextlib import suppress
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sluice.transport.connections import Connections
from sluice.transport.countdown import Countdown


class KeptProtocol(HttpToolsProtocol):
    """`kept`: all connections of the server. `countdown`: the one that this is in, None while it is being answered.
    `turn`: what is being answered. `is_in_head`: a request has begun, and its headers are not complete.
    `dropped`: bytes read since the answer, of the request that it was for. `is_ending`: nothing more is answered.
    """

    kept: Connections
    countdown: Countdown | None = None
    turn: RequestResponseCycle | None = None
    is_extra = is_in_head = is_ending = False
    dropped = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.ending = EndingTransport(self)
        self.kept.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.wait(None)
        self.kept.discard(self)
        self.forget()

    def wait(self, countdown: Countdown | None) -> None:
        """From now on, and for nothing else."""
        if self.countdown is not None:
            self.countdown.discard(self)
        self.countdown = countdown
        if countdown is not None:
            countdown.add(self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_in_head = True
        if self.countdown is self.kept.idle:  # in `heads` it is since it was accepted
            self.wait(self.kept.heads)

    def on_headers_complete(self) -> None:
        self.is_in_head = False
        if self.cycle is None or self.cycle.response_complete:
            self.wait(None)
        super().on_headers_complete()

    def take_turn(self, cycle: RequestResponseCycle, app: Any) -> ASGIApp:
        """Before a request is looked at; what is to answer it."""
        self.turn = cycle
        cycle.transport = cast(asyncio.Transport, self.ending)
        if self.kept.is_draining or self.is_extra:
            cycle.keep_alive = False
        return self.kept.full if self.is_extra and cycle.scope["method"] == "POST" else app

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            super().on_body(body)
            return
        self.dropped += len(body)
        if self.dropped > self.kept.most_dropped:
            self.abort()

    def on_message_complete(self) -> None:
        if not self.cycle.response_complete:
            super().on_message_complete()
            return
        self.cycle.more_body = False
        if self.countdown is self.kept.unread and not self.is_ending:
            self.rest()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.is_ending or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self.rest()

    def rest(self) -> None:
        """Wait for what the client sends next."""
        if self.is_in_head:
            self.wait(self.kept.heads)
        elif self.cycle.more_body and self.expect_100_continue:
            self.end()  # whether a body follows is the client's choice now
        elif self.cycle.more_body:
            self.cycle.body.clear()
            self.dropped = 0
            self.wait(self.kept.unread)
        elif self.kept.is_draining:
            self.end()
        else:
            self.forget()
            self.wait(self.kept.idle)

    def forget(self) -> None:
        """An idle connection keeps nothing of its last request."""
        self.cycle = self.turn = self.scope = None  # type: ignore[assignment]
        self.headers = []

    def last_answer(self) -> None:
        for cycle in (self.turn, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None:
                cycle.keep_alive = False

    def end(self) -> None:
        """Close the connection, behind what has been written.

        If the client sends still, the kernel would reset a connection that is closed, and the answer with it.
        """
        if self.is_ending or self.transport.is_closing():
            return
        self.is_ending = True
        if self.is_in_head or self.pipeline or (self.cycle is not None and self.cycle.more_body):
            self.transport.set_protocol(Lingering(self))
            with suppress(OSError):  # it is broken, and will be lost
                self.transport.write_eof()
            self.flow.resume_reading()
            self.wait(self.kept.unread)
        else:
            self.transport.close()

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
        if self.cycle is not None and not self.cycle.response_complete:
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
