"""The stream of an answer: ready-made SSE bytes, and a client that may not read them for a while."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sluice.transport.base import Connection, Headers
from sluice.transport.heartbeat import Heartbeat

EVENT_STREAM = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would hold events back
}
PING = b": ping\n\n"
PART = 128 * 1024
"""Bytes that are sent in one turn of the loop, of what has been waiting for the client; with the event they end in."""
MOMENT = 0.25
"""Seconds that the headers wait for the first event, to share its write. What fails meanwhile gets a status."""


class EventStream:
    """One write a token, made by whoever has the token; the task that serves the request only waits for the end.

    It has no task and no cancel scope of its own: the intake watches for a client that has gone, and one heartbeat
    pings all streams. `parts`: how many sequences it carries. `on_reading` is told when the client stops reading, and
    when it has caught up.
    """

    __slots__ = (
        "catching_up", "connection", "headers", "heartbeat", "is_draining", "is_open", "is_quiet", "on_reading",
        "opening", "parts", "unsent",
    )  # fmt: skip

    def __init__(
        self, connection: Connection, headers: Headers, parts: int, heartbeat: Heartbeat,
        on_reading: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self.connection, self.headers, self.parts = connection, headers, parts
        self.heartbeat, self.on_reading = heartbeat, on_reading
        self.unsent: list[bytes] = []
        self.is_open = self.is_quiet = self.is_draining = False
        self.opening: asyncio.TimerHandle | None = None
        self.catching_up: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        return self

    def begin(self, first: bytes) -> None:
        """The request has been accepted. What has been written before comes after `first`."""
        self.unsent.insert(0, first)
        self.heartbeat.add(self)
        if len(self.unsent) > 1:
            self.open()
        else:
            self.opening = asyncio.get_running_loop().call_later(MOMENT, self.open)

    def open(self) -> None:
        """Send the headers, and what there is."""
        if self.opening is not None:
            self.opening.cancel()
        self.is_open = True
        self.connection.begin(self.headers, self.take_part())
        if self.unsent:
            self.fall_behind()

    def take_part(self) -> bytes:
        """The first of what is unsent."""
        size = count = 0
        while size < PART and count < len(self.unsent):
            size += len(self.unsent[count])
            count += 1
        part = b"".join(self.unsent[:count])
        del self.unsent[:count]
        return part

    def write(self, events: bytes) -> None:
        """Send them now, in the caller's own turn; later, if the client does not read."""
        self.is_quiet = False
        if self.is_open and self.catching_up is None:
            if self.connection.write(events):
                return
            self.fall_behind()
        self.unsent.append(events)
        if self.opening is not None and not self.is_open:
            self.open()

    def write_last(self, events: bytes) -> None:
        """The last ones of a sequence; those of the last sequence go out with the end, which comes at once."""
        self.parts -= 1
        if self.parts:
            self.write(events)
        else:
            self.unsent.append(events)

    @property
    def is_blocked(self) -> bool:
        """The client does not read."""
        return self.catching_up is not None or self.is_draining

    async def caught_up(self) -> None:
        """Wait until all that was written has been sent."""
        while self.catching_up is not None:
            await asyncio.wait((self.catching_up,))
        self.is_draining = True  # and so it stays where this is not waited for to the end
        await self.connection.drain()
        self.is_draining = False

    def fall_behind(self) -> None:
        self.on_reading(False)
        self.catching_up = asyncio.create_task(self.catch_up())

    async def catch_up(self) -> None:
        """Wait for the client to read; many events may be one write."""
        try:
            await self.connection.drain()
            while self.unsent:
                self.connection.write(self.take_part())
                await asyncio.sleep(0)  # a turn for the others, though the client takes all of it at once
                await self.connection.drain()
        finally:
            self.catching_up = None
        self.on_reading(True)

    async def end(self, last: bytes) -> None:
        """Send what is left, which is little once it has caught up, and what comes last."""
        await self.connection.drain()
        rest = b"".join((*self.unsent, last))
        if self.is_open:
            self.connection.end(rest)
        else:  # all of it has come within a moment
            self.connection.answer(200, self.headers, rest)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heartbeat.discard(self)
        if self.opening is not None:
            self.opening.cancel()
        if self.catching_up is not None:
            self.catching_up.cancel()

    def ping(self) -> None:
        if self.is_quiet and not self.is_blocked:
            self.write(PING)
        self.is_quiet = True
