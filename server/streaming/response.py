"""The response that carries ready-made SSE bytes: the headers and the grammar are sse-starlette's, the loop is ours."""

import asyncio
from collections.abc import AsyncGenerator

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

PING = b": ping\n\n"


class EventStream(EventSourceResponse):
    """One write a chunk, in the task that serves the request.

    sse-starlette's own loop costs a cancel scope a chunk and four tasks a stream. None is needed here: the edge watches
    for a client that has gone, and a timer pings when nothing has been sent for `ping` seconds.
    """

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], ping: float = 15) -> None:
        super().__init__(rest, sep="\n", ping=ping)
        self.first, self.rest = first, rest
        self.pings = set[asyncio.Task[None]]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.watch_silence(send)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.first, "more_body": True})
            async for chunk in self.rest:
                self.quiet = False
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            self.timer.cancel()
            for ping in self.pings:
                ping.cancel()
            await self.rest.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def watch_silence(self, send: Send) -> None:
        """Look again after a while whether the stream has been quiet: proxies close connections that are."""
        self.quiet = True
        self.timer = asyncio.get_running_loop().call_later(self.ping_interval, self.break_silence, send)

    def break_silence(self, send: Send) -> None:
        if self.quiet and not self.pings:
            ping = asyncio.create_task(self.send_ping(send))
            self.pings.add(ping)
            ping.add_done_callback(self.pings.discard)
        self.watch_silence(send)

    async def send_ping(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": PING, "more_body": True})
