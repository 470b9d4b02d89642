"""The way in for what generates: key, kind of body, phase, seat, body, time limits and hang-up, in this order.

The seat is reserved before a byte of the body is read, and given back with the last byte of the answer.
"""

import math
import re
from collections.abc import Awaitable, Callable, Iterable

from sluice.admission import Account, AdmissionController, Tenants, Ticket
from sluice.api.auth import api_key
from sluice.api.body import read_body
from sluice.api.content import check_content, check_site
from sluice.api.errors import Reply, form_at, internal_error, to_reply
from sluice.errors import RequestError
from sluice.settings import Http
from sluice.telemetry.latencies import Latencies
from sluice.transport.base import Connection, Headers, encode
from sluice.transport.record import Records
from sluice.wire.endpoint import Endpoint, Problem

PATIENCE_HEADERS = frozenset({b"x-request-timeout", b"x-stainless-read-timeout"})
NUMBER = re.compile(rb"[0-9]+(\.[0-9]+)?")

Generate = Callable[[Endpoint, Connection, Ticket, bytes], Awaitable[None]]
"""Answers a request with this body. Raises what refuses it, and what fails before its answer has begun."""


class Intake:
    """The Handler of what is posted to the endpoints. `require_ready` raises Unavailable in every phase but `ready`.

    `is_alone`: no layer for CORS can be in front, so that pages of other sites have no business here.
    """

    is_alone = False

    def __init__(
        self, endpoints: Iterable[Endpoint], generate: Generate, *, controller: AdmissionController, tenants: Tenants,
        latencies: Latencies, http: Http, require_ready: Callable[[], object], records: Records,
    ) -> None:  # fmt: skip
        self.paths = {endpoint.path: endpoint for endpoint in endpoints}
        self.generate = generate
        self.controller, self.tenants, self.latencies, self.http = controller, tenants, latencies, http
        self.require_ready, self.records = require_ready, records

    @property
    def send_timeout(self) -> float | None:
        return self.controller.traffic.send_timeout

    def enter(self, path: str, connection: Connection) -> "Admitted | None":
        endpoint, account = self.paths[path], None
        try:
            account = self.tenants.identify(api_key(connection.headers))
            connection.record.tenant = account.name
            packed = check_content(connection.headers)
            if self.is_alone and self.records.cors.allowed(connection.headers) is None:
                check_site(connection.headers)
            self.require_ready()
            ticket = self.controller.admit(account, patience(connection.headers))
        except RequestError as error:
            refuse(connection, endpoint, error, account)
            return None
        return Admitted(self, endpoint, connection, packed, ticket)

    def malformed(self, path: str, status: int, message: str) -> bytes:
        return form_at(path)(Problem(status, "invalid_request_error", message, code="malformed_request"))


class Admitted:
    """The Exchange of a request that has a seat; its errors are answered while it still has it.

    `packed`: how its body is.
    """

    def __init__(
        self, intake: Intake, endpoint: Endpoint, connection: Connection, packed: bytes, ticket: Ticket
    ) -> None:
        self.intake, self.endpoint, self.connection, self.packed = intake, endpoint, connection, packed
        self.ticket = ticket
        self.has_left = False

    async def serve(self) -> None:
        connection, ticket = self.connection, self.ticket
        try:
            with ticket.interruptible():
                body = await read_body(connection, self.packed, self.intake.http, self.intake.controller.is_full)
                connection.on_lost, ticket.taken = self.hang_up, connection.taken
                ticket.set_alarm()
                generating = self.intake.generate(self.endpoint, connection, ticket, body)
                del body  # its alone
                await generating
        except RequestError as error:
            ticket.conclude(error)
            if not connection.has_begun:
                refuse(connection, self.endpoint, error, ticket.account)
        except Exception:  # ours: the client gets an error object, and the server's log the traceback
            if not connection.has_begun:
                reply(connection, internal_error(self.endpoint.encode_error))
            raise

    def leave(self) -> None:
        """Give the seat back, if it has not been."""
        if self.has_left:
            return
        self.has_left = True
        self.connection.on_lost = None
        ticket, record = self.ticket, self.connection.record
        self.intake.controller.release(ticket)
        record.outcome = ticket.outcome
        record.prompt_tokens, record.completion_tokens = ticket.prompt_tokens, ticket.completion_tokens
        if ticket.completion_tokens or ticket.outcome == "finished":  # else there was no answer, and no time for it
            self.intake.latencies.whole.observe(self.intake.controller.clock() - ticket.arrived)

    def hang_up(self, reason: RequestError) -> None:
        """Nobody reads the answer any more; not that it matters when it is complete."""
        if self.ticket.outcome != "finished":
            self.ticket.interrupt(reason)


def refuse(connection: Connection, endpoint: Endpoint, error: RequestError, account: Account | None) -> None:
    status, headers, body = to_reply(error, endpoint.encode_error)
    if account is not None:
        headers |= account.headers()
    reply(connection, (status, headers, body))


def reply(connection: Connection, answer: Reply) -> None:
    status, headers, body = answer
    connection.answer(status, encode(headers), body)


def patience(headers: Headers) -> float:
    """Seconds that the client says it will wait: `x-request-timeout`, or the one that OpenAI's SDKs send."""
    told = [value for name, value in headers if name in PATIENCE_HEADERS]
    seconds = [float(value) for value in told if NUMBER.fullmatch(value)]
    return min(seconds, default=math.inf)
