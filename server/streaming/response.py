"""The response that carries ready-made SSE bytes: the headers and the grammar are sse-starlette's, the loop is ours."""

import asyncio
from collections.abc import Awaitable, Callable

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from server.streaming.heartbeat import Heartbeat
from server.streaming.protocol import CONNECTION

PING = b": ping\n\n"


class EventStream(EventSourceResponse):
    """One write a token, made by whoever has the token; the task that serves the request only waits for the end.

    sse-starlette's own loop costs a cancel scope a chunk and four tasks a stream. None is needed here: the edge watches
    for a client that has gone, and one heartbeat pings all streams. `carry` runs in the task that serves the request,
    and returns the last bytes; `watch` is told when the client stops reading, and when it has caught up.
    """

    def __init__(
        self, opening: bytes, carry: Callable[[], Awaitable[bytes]], heartbeat: Heartbeat, watch: Callable[[bool], None]
    ) -> None:
        super().__init__(iter(()), sep="\n")
        self.opening, self.carry, self.heartbeat, self.watch = opening, carry, heartbeat, watch
        self.unsent: list[bytes] = []
        self.is_open = self.is_quiet = False
        self.catching_up: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.send = send
        self.write_now: Callable[[bytes], bool] = scope["extensions"][CONNECTION].write
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self.unsent.insert(0, self.opening)
        await self.send_unsent()
        self.is_open = True
        self.heartbeat.add(self)
        try:
            last = await self.carry()
            await send({"type": "http.response.body", "body": last, "more_body": False})
        finally:
            self.heartbeat.discard(self)
            if self.catching_up is not None:
                self.catching_up.cancel()

    def write(self, events: bytes) -> None:
        """Send them now, in the caller's own turn; later, if the client does not read."""
        self.is_quiet = False
        if self.is_open and self.catching_up is None:
            if self.write_now(events):
                return
            self.watch(False)
            self.catching_up = asyncio.create_task(self.catch_up())
        self.unsent.append(events)

    @property
    def is_blocked(self) -> bool:
        """The client does not read."""
        return self.catching_up is not None

    async def caught_up(self) -> None:
        """Wait until all that was written has been sent."""
        while self.catching_up is not None:
            await asyncio.wait((self.catching_up,))

    async def catch_up(self) -> None:
        try:
            await self.send_unsent()
        finally:
            self.catching_up = None
        self.watch(True)

    async def send_unsent(self) -> None:
        """Wait for the client to read; many events may be one write."""
        while self.unsent:
            events = b"".join(self.unsent)
            self.unsent.clear()
            await self.send({"type": "http.response.body", "body": events, "more_body": True})

    def ping(self) -> None:
        if self.is_quiet and not self.is_blocked:
            self.write(PING)
        self.is_quiet = True
