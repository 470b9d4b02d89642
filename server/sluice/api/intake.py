"""The intake of the routes that generate: key, phase, seat, body, time limits and hang-up, in this order.

The seat is reserved before a byte of the body is read, and given back when the last byte of the answer is sent.
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from sluice.admission import Account, AdmissionController, Tenants, Ticket
from sluice.api.auth import api_key
from sluice.api.errors import Answer, internal_error, to_answer
from sluice.errors import BodyTooLarge, BodyTooSlow, Disconnected, RequestError
from sluice.settings import Http
from sluice.telemetry.latencies import Latencies
from sluice.transport.base import Connection, encode

PATIENCE_HEADERS = frozenset({b"x-request-timeout", b"x-stainless-read-timeout"})
NUMBER = re.compile(rb"[0-9]+(\.[0-9]+)?")

Generate = Callable[[Connection, Ticket, bytes], Awaitable[None]]
"""Answers a request with this body."""


class Intake:
    """The Handler of `streaming.protocol`. `require_ready` raises Unavailable in every phase but `ready`."""

    def __init__(
        self, paths: Mapping[str, Generate], *, controller: AdmissionController, tenants: Tenants, latencies: Latencies,
        http: Http, require_ready: Callable[[], object],
    ) -> None:  # fmt: skip
        self.paths = paths
        self.controller, self.tenants, self.latencies, self.http = controller, tenants, latencies, http
        self.require_ready = require_ready

    def enter(self, path: str, connection: Connection) -> "Request | None":
        account = None
        try:
            account = self.tenants.identify(api_key(connection.headers))
            self.require_ready()
            ticket = self.controller.admit(account, patience(connection.headers))
        except RequestError as error:
            refuse(connection, error, account)
            return None
        return Request(self, self.paths[path], connection, ticket)


class Request:
    """An admitted request; its errors are answered while its seat is still held."""

    def __init__(self, intake: Intake, generate: Generate, connection: Connection, ticket: Ticket) -> None:
        self.intake, self.generate, self.connection, self.ticket = intake, generate, connection, ticket
        self.has_left = False

    async def serve(self) -> None:
        connection, ticket = self.connection, self.ticket
        try:
            with ticket.interruptible():
                body = await self.read_body()
                connection.on_lost = self.hang_up
                ticket.watch()
                await self.generate(connection, ticket, body)
        except RequestError as error:
            ticket.outcome = error.outcome
            if not connection.has_begun:
                refuse(connection, error, ticket.account)
        except Exception:  # a mistake of ours: its client gets OpenAI's error, and the log, from uvicorn, the traceback
            if not connection.has_begun:
                send(connection, internal_error())
            raise

    def leave(self) -> None:
        """Give the seat back, if it has not been."""
        if self.has_left:
            return
        self.has_left = True
        self.connection.on_lost = None
        self.ticket.close()
        self.intake.latencies.whole.observe(self.intake.controller.clock() - self.ticket.arrived)

    def hang_up(self) -> None:
        """The client has gone; not that it matters when the answer is complete."""
        if self.ticket.outcome != "finished":
            self.ticket.interrupt(Disconnected("The client closed the connection."))

    async def read_body(self) -> bytes:
        """The whole body, within `http.max_body_bytes` and `http.body_timeout`."""
        http, body = self.intake.http, self.connection.read()
        try:
            if body is None:
                async with asyncio.timeout(http.body_timeout):
                    body = await self.receive_body(http.max_body_bytes)
        except TimeoutError:
            raise BodyTooSlow(f"The body did not arrive within {http.body_timeout:g} s (http.body_timeout).") from None
        if len(body) > http.max_body_bytes:
            raise BodyTooLarge(f"The body is longer than {http.max_body_bytes} bytes (http.max_body_bytes).")
        return body

    async def receive_body(self, limit: int) -> bytes:
        """The body as it comes; no more than the first piece beyond the limit."""
        chunks, size = list[bytes](), 0
        while True:
            message = await self.connection.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected("The client closed the connection.")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit or not message.get("more_body", False):
                return b"".join(chunks)


def refuse(connection: Connection, error: RequestError, account: Account | None) -> None:
    status, headers, body = to_answer(error)
    if account is not None:
        headers |= account.headers()
    send(connection, (status, headers, body))


def send(connection: Connection, answer: Answer) -> None:
    status, headers, body = answer
    connection.answer(status, encode(headers), body)


def patience(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Seconds that the client says it will wait: `x-request-timeout`, or the one that OpenAI's SDKs send."""
    told = [value for name, value in headers if name in PATIENCE_HEADERS]
    seconds = [float(value) for value in told if NUMBER.fullmatch(value)]
    return min(seconds, default=math.inf)
