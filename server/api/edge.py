"""The ASGI edge of the routes that generate: phase, seat, body, time limits and hang-up, in this order.

The seat is reserved before a byte of the body is read, and given back when the last byte of the answer is sent.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.admission import Desk, Tenants, Ticket
from server.api.errors import to_response
from server.api.keys import api_key
from server.errors import BodyTooLarge, BodyTooSlow, Disconnected, RequestError
from server.settings import Http
from server.streaming.protocol import CONNECTION
from server.telemetry.times import Times

PATIENCE_HEADERS = frozenset({b"x-request-timeout", b"x-stainless-read-timeout"})
NUMBER = re.compile(rb"[0-9]+(\.[0-9]+)?")


class Edge:
    """Pure ASGI middleware, and the only one. `require_ready` raises Unavailable in every phase but `ready`.

    `generating`: the applications that generate, by path. They are called from here; `app` gets all the rest.
    """

    def __init__(
        self, app: ASGIApp, *, generating: Mapping[str, ASGIApp], desk: Desk, tenants: Tenants, times: Times,
        http: Http, require_ready: Callable[[], object],
    ) -> None:  # fmt: skip
        self.app, self.generating = app, generating
        self.desk, self.tenants, self.times, self.http = desk, tenants, times, http
        self.require_ready = require_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        account = None
        try:
            account = self.tenants.identify(api_key(scope["headers"]))
            generate = self.generating.get(scope["path"])
            if generate is None or scope["method"] != "POST":
                await self.app(scope, receive, send)
                return
            self.require_ready()
            with self.desk.admit(account, patience(scope["headers"])) as ticket:
                await self.serve(generate, ticket, scope, receive, send)
            self.times.whole.observe(self.desk.clock() - ticket.arrived)
        except RequestError as error:
            response = to_response(error)
            if account is not None:
                response.headers.update(account.headers())
            await response(scope, receive, send)

    async def serve(self, generate: ASGIApp, ticket: Ticket, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an admitted request; its errors are answered while its seat is still held."""
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            if not started and (limits := ticket.account.headers()):
                MutableHeaders(scope=message).update(limits)
            started = True
            await send(message)

        try:
            with ticket.interruptible():
                connection = scope["extensions"][CONNECTION]
                body = connection.read()
                if body is None:
                    body = await self.read_body(receive)
                elif len(body) > self.http.max_body_bytes:
                    raise self.too_large()
                scope.setdefault("state", {}).update(ticket=ticket, body=body)
                connection.on_lost = partial(hang_up, ticket)
                try:
                    with ticket.limited():
                        await generate(scope, receive, watched_send)
                finally:
                    connection.on_lost = None
        except RequestError as error:
            ticket.outcome = error.outcome
            if not started:
                await to_response(error)(scope, receive, watched_send)

    def too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is longer than {self.http.max_body_bytes} bytes (http.max_body_bytes).")

    async def read_body(self, receive: Receive) -> bytes:
        """The whole body, within `http.max_body_bytes` and `http.body_timeout`."""
        limit = self.http.max_body_bytes
        chunks, size = list[bytes](), 0
        try:
            async with asyncio.timeout(self.http.body_timeout):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected("The client closed the connection.")
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > limit:
                        raise self.too_large()
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise BodyTooSlow(
                f"The body did not arrive within {self.http.body_timeout:g} s (http.body_timeout)."
            ) from None


def hang_up(ticket: Ticket) -> None:
    """The client has gone; not that it matters when the answer is complete."""
    if ticket.outcome != "finished":
        ticket.interrupt(Disconnected("The client closed the connection."))


def patience(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Seconds that the client says it will wait: `x-request-timeout`, or the one that OpenAI's SDKs send."""
    told = [value for name, value in headers if name in PATIENCE_HEADERS]
    seconds = [float(value) for value in told if NUMBER.fullmatch(value)]
    return min(seconds, default=math.inf)
