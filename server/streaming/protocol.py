"""uvicorn's HTTP protocol, and what a response may do with its connection without a coroutine or a task.

It comes as ASGI extensions do, as `scope["extensions"][CONNECTION]`.
"""

from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

CONNECTION: Final = "sluice.connection"


class Connection:
    """One request's. `on_lost` is called when the client hangs up before its answer is complete."""

    __slots__ = ("cycle", "on_lost")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self.cycle = cycle
        self.on_lost: Callable[[], None] | None = None

    def read(self) -> bytes | None:
        """The request's body, if all of it has come; it can be read once. Else ASGI's `receive` gives it, and waits."""
        cycle = self.cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        return body

    def write(self, body: bytes) -> bool:
        """Send more of a body that has begun, and is not empty; whether it did.

        It does not while the client does not read: that is what ASGI's `send` is for, which waits.
        """
        cycle = self.cycle
        if cycle.flow.write_paused or not cycle.chunked_encoding or cycle.response_complete or cycle.disconnected:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True


class ConnectionProtocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        scope: Any = self.scope
        self.connection = Connection(self.cycle)
        scope["extensions"] = {CONNECTION: self.connection}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.cycle is not None and self.cycle.disconnected and self.connection.on_lost is not None:
            self.connection.on_lost()
