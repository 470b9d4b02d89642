"""Events that go on for as long as somebody watches."""

from collections.abc import AsyncIterator
from contextlib import suppress

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from sluice.transport.edge import RECORD


class Watched(EventSourceResponse):
    """A viewer that takes nothing for `send_timeout` seconds is left alone; None: it may take its time."""

    def __init__(self, events: AsyncIterator[bytes], send_timeout: float | None) -> None:
        super().__init__(events, ping=0, sep="\n", send_timeout=send_timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(TimeoutError):
            await super().__call__({**scope, "method": scope[RECORD].method}, receive, send)  # HEAD is served as GET
