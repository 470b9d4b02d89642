"""uvicorn's HTTP protocol with a way of reading of its own: one message at a time, within limits, and no guesses."""

import asyncio
import urllib.parse
from typing import Any, Self, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from sluice.transport.base import Handler
from sluice.transport.body import Body, ChunkedBody, SizedBody
from sluice.transport.cycle import OldCycle
from sluice.transport.event_stream import PING
from sluice.transport.flow import Flow
from sluice.transport.half_closed import HalfClosed
from sluice.transport.head import HEAD_BYTES, Head, Malformed, end_of_head
from sluice.transport.path import canonical_path
from sluice.transport.record import told

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Http1Protocol(HttpToolsProtocol):
    """uvicorn makes one a connection, of the class that `with_handler` gives; the handler says what errors look like.

    A message is looked at when the one before has been answered and read to its end, one in each turn of the loop; what
    comes meanwhile stays as it came in `received`, and beyond HEAD_BYTES in the kernel. `body`: the one that is being
    read; `cycle`: the request that is being answered. An `Upgrade` is ignored.

    A client may close its side of the connection once its request is complete, and still gets the answer. One that
    speaks HTTP/1.0 cannot be asked whether it is still there; it has gone then.
    """

    handler: Handler
    body: Body | None = None
    searched = 0
    is_waiting_for_turn = False
    half_closed: HalfClosed | None = None
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # ours, in uvicorn's place
    flow: Flow

    @classmethod
    def with_handler(cls, handler: Handler) -> type[Self]:
        return type(cls.__name__, (cls,), {"handler": handler})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's is wider
        super().connection_made(transport)
        self.flow = Flow(self.transport)
        self.received = bytearray()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.advance()

    def advance(self) -> None:
        """Read one head, or on in a body, and come again if there is more."""
        if self.transport.is_closing():
            self.received.clear()
            return
        before = len(self.received)
        try:
            if self.body is None and self.cycle is None and not self.flow.write_paused:
                self.read_head()
            if self.body is not None:
                self.read_body(self.body)
        except Malformed as error:
            self.refuse(error)
            return
        self.flow.hold(len(self.received) > HEAD_BYTES)
        if self.received and len(self.received) < before:
            self.take_turn()
        elif self.half_closed is not None and (self.body or not self.cycle) and not self.flow.write_paused:
            self.end()  # nothing more can come of it

    def take_turn(self) -> None:
        if not self.is_waiting_for_turn:
            self.is_waiting_for_turn = True
            self.loop.call_soon(self.have_turn)

    def have_turn(self) -> None:
        self.is_waiting_for_turn = False
        self.advance()

    def read_head(self) -> None:
        received = self.received
        if received.startswith((b"\r", b"\n")):  # some send an empty line after a body
            received[:] = received.lstrip(b"\r\n")
        if not received:
            return
        end = end_of_head(received, self.searched)
        if end is None:
            self.searched = max(0, len(received) - 2)
            return
        self.searched = 0
        head = Head(bytes(received[:end]))
        del received[:end]
        self.cycle = self.new_cycle(head)
        self.body = ChunkedBody() if head.is_chunked else SizedBody(head.content_length)
        self._start_asgi_task(self.cycle, self.app)

    def new_cycle(self, head: Head) -> RequestResponseCycle:
        kind = RequestResponseCycle if head.version == "1.1" else OldCycle
        return kind(
            scope=self.new_scope(head), transport=self.transport, flow=self.flow, logger=self.logger,
            access_logger=self.access_logger, access_log=self.access_log,
            default_headers=self.server_state.default_headers, message_event=asyncio.Event(),
            expect_100_continue=head.expects_continue, keep_alive=head.keep_alive,
            on_response=self.on_response_complete,
        )  # fmt: skip

    def new_scope(self, head: Head) -> Any:
        try:
            url = httptools.parse_url(head.url)
            path = url.path.decode("ascii")
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
            raise Malformed(400, "The URL is not one.") from None
        return {
            "type": "http", "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": head.version, "server": self.server, "client": self.client, "scheme": self.scheme,
            "root_path": self.root_path, "headers": head.headers, "state": self.app_state.copy(), "method": head.method,
            "path": self.root_path + (urllib.parse.unquote(path) if "%" in path else path),
            "raw_path": self.root_path.encode("ascii") + url.path, "query_string": url.query or b"",
        }  # fmt: skip

    def read_body(self, body: Body) -> None:
        """To the request that waits for it; to nobody, if it has been answered already."""
        piece, cycle = body.take(self.received), self.cycle
        if body.is_complete:
            self.body = None
        if cycle is not None and (piece or body.is_complete):
            cycle.body += piece
            cycle.more_body = not body.is_complete
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.cycle = None  # an idle connection keeps nothing of its last request
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if self.received or self.half_closed is not None:
            self.take_turn()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.received or self.half_closed is not None:
            self.take_turn()

    def refuse(self, error: Malformed) -> None:
        """Answer what is not HTTP, and close; without a word, if an answer to it has begun or been given."""
        cycle = self.cycle
        is_answered = self.body is not None if cycle is None else cycle.response_started
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if not is_answered:
            path = "" if cycle is None else canonical_path(cast(Any, cycle.scope))
            body = self.handler.malformed(path, error.status, error.message)
            headers = [
                *self.server_state.default_headers, (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)), (b"connection", b"close"),
                *told(self.handler.records.request_id(())),
            ]  # fmt: skip
            lines = [b"%b: %b\r\n" % header for header in headers]
            self.transport.write(b"".join((STATUS_LINE[error.status], *lines, b"\r\n", body)))
        self.end(is_sending=True)

    def end(self, is_sending: bool = False) -> None:
        """Close the connection, behind what has been written. `is_sending`: who knows what still comes."""
        self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's is wider
        """Whether the transport is to stay open."""
        is_idle = self.cycle is None and not self.received
        if is_idle or (self.cycle is not None and self.cycle.scope["http_version"] == "1.0"):
            return False
        try:
            self.half_closed = HalfClosed(self.transport, self.ask)
        except OSError:
            return False
        self.advance()
        return True

    def ask(self) -> None:
        """Send what an HTTP client does not notice, and the kernel of one that has gone answers with a reset."""
        if self.cycle is None or self.flow.write_paused:
            return
        if not self.cycle.response_started:
            self.transport.write(CONTINUE)
        elif self.cycle.chunked_encoding:  # only event streams go on
            self.transport.write(chunk(PING))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.received.clear()
        if self.half_closed is not None:
            self.half_closed.close()


def chunk(body: bytes) -> bytes:
    """A piece of a chunked body; an empty one would end it."""
    return b"%x\r\n%b\r\n" % (len(body), body)
