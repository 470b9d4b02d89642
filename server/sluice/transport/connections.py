"""The connections of a server: how many there may be, and how long each may wait for what comes next."""

import asyncio
import sys
from typing import Protocol

from starlette.responses import Response
from starlette.types import ASGIApp

from sluice.settings import Http
from sluice.transport.countdown import Countdown, Waiting

RESERVE = 32
"""Connections beyond the most, for a request each: probes are answered, whatever else is refused."""
GRACE_S = 1.0
"""Who owes the rest of a request for longer has to go when a new connection needs the place."""
BODIES_DROPPED = 16
"""What is read of a body that nobody wants any more, in multiples of `max_body_bytes`."""


class Kept(Waiting, Protocol):
    """A connection. `is_extra`: it is one too many, and is served one request that takes no seat."""

    transport: asyncio.Transport
    is_extra: bool

    def wait(self, countdown: Countdown) -> None: ...

    def last_answer(self) -> None:
        """The answer that it is at is its last."""

    def abort(self) -> None:
        """Close it now, whatever is on its way."""


class Connections:
    """All of one server's. Who waits for something is in the Countdown for it: `heads`, while a request has begun, or
    should; `idle`, from one request to the next; `unread`, while what comes is dropped, because it is of a request that
    has been answered: it has the time that it would have if it were read.

    `room`: how many there are descriptors for. `full` answers what cannot be served for want of them.
    """

    def __init__(self, http: Http, room: int = sys.maxsize, full: ASGIApp | None = None) -> None:
        self.most, self.full = min(http.max_connections or room, room), full or Response(status_code=503)
        self.most_dropped = BODIES_DROPPED * http.max_body_bytes
        self.heads, self.idle = Countdown(http.header_timeout), Countdown(http.keep_alive_timeout)
        self.unread = Countdown(http.body_timeout)
        self.open = set[Kept]()
        self.is_draining = False

    def add(self, connection: Kept) -> None:
        """A new one. If there are too many, one goes that is missed less; if all are busy, this one is extra."""
        if len(self.open) >= self.most:
            if not self.idle.cut_first():
                any(each.waited() > GRACE_S and each.cut_first() for each in (self.unread, self.heads))
            connection.is_extra = len(self.open) >= self.most
        if len(self.open) >= self.most + RESERVE and not (self.unread.cut_first() or self.heads.cut_first()):
            connection.abort()
            return
        self.open.add(connection)
        connection.wait(self.heads)

    def discard(self, connection: Kept) -> None:
        self.open.discard(connection)
        if not self.open:
            for countdown in (self.heads, self.idle, self.unread):
                countdown.stop()

    def drain(self) -> None:
        """No connection outlives its next answer."""
        self.is_draining = True
        for connection in self.open:
            connection.last_answer()
        self.idle.finish()

    def cut(self) -> None:
        """All that are left."""
        for connection in list(self.open):
            connection.abort()
