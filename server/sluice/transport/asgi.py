"""The same over ASGI, for any server and below any middleware: streams go out through sse-starlette."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

from sse_starlette import EventSourceResponse
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from sluice.errors import Disconnected, Expired, RequestError
from sluice.transport.base import Entrance, Headers
from sluice.transport.edge import RECORD
from sluice.transport.record import Record

PIECE_BYTES = 16 * 1024
"""What a server is given at once; that it asks for more is all that it tells of its client."""


class AsgiConnection:
    """A Connection over ASGI: what is written waits for the task that sends it.

    `response` is what the server is to send, None if there is no answer. `is_sending`: the server has a piece of the
    stream, and has not asked for the next one. `sent`: bytes that it has asked for more after.
    """

    def __init__(self, scope: Scope, receive: Receive, send_timeout: float | None) -> None:
        self.headers: Headers = list(scope["headers"])
        self.record: Record = scope[RECORD]
        self.receive_message, self.send_timeout = receive, send_timeout
        self.on_complete: Callable[[], None] | None = None
        self.on_lost: Callable[[RequestError], None] | None = None
        self.response: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self.unsent: list[bytes] = []
        self.sent = 0
        self.is_last = self.is_sending = self.is_ended = False
        self.more, self.idle = asyncio.Event(), asyncio.Event()
        self.received, self.gone = asyncio.Event(), asyncio.Event()
        self.idle.set()

    @property
    def has_begun(self) -> bool:
        return self.response.done()

    def read(self) -> None:
        """It is known only by asking."""

    async def receive(self) -> Message:
        message = await self.receive_message()
        if not message.get("more_body", False):
            self.received.set()
        return message

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.is_ended = True
        self.response.set_result(Response(body, status, text_of(headers)))

    def begin(self, headers: Headers, body: bytes) -> None:
        self.add(body)
        # It pings nobody, for the heartbeat does; and it ends no stream on a signal, for the life cycle does.
        self.response.set_result(
            EventSourceResponse(
                self.pieces(), headers=text_of(headers), ping=0, sep="\n", send_timeout=self.send_timeout
            )
        )

    def write(self, body: bytes) -> bool:
        if self.is_sending or self.gone.is_set():
            return False
        self.add(body)
        return True

    def add(self, body: bytes) -> None:
        self.unsent.append(body)
        self.idle.clear()
        self.more.set()

    async def drain(self) -> None:
        await self.idle.wait()

    def end(self, body: bytes) -> None:
        self.is_ended = True
        self.add(body)

    def taken(self) -> int:
        return self.sent

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body of a stream; what was written in one turn of the loop is one piece, if it is not too long."""
        is_last = False
        while not is_last:
            await self.more.wait()
            self.more.clear()
            is_last, written = self.is_ended, b"".join(self.unsent)
            self.unsent.clear()
            if is_last:
                self.complete()
            self.is_sending = True
            for piece in cut(written):
                yield piece
                self.sent += len(piece)
            self.is_sending = False
            if not self.unsent:
                self.idle.set()

    async def send_response(self, scope: Scope, send: Send) -> None:
        """Send the answer once there is one. What goes wrong on the way is the end of the connection."""
        response = await self.response
        if response is None:
            return
        try:
            if isinstance(response, EventSourceResponse):
                await response(scope, self.hang_up, send)
            else:
                self.complete()
                for message in messages(response):
                    async with asyncio.timeout(self.send_timeout):
                        await send(message)
        except TimeoutError:
            reason = "The client does not read its answer (send_timeout)."
            self.lose(Expired(reason, code="send_timeout", retry_after=1))
        except OSError:  # what ASGI servers raise when nobody is there
            self.lose(Disconnected("The client closed the connection."))

    def complete(self) -> None:
        if self.on_complete is not None:
            self.on_complete()
            self.on_complete = None

    async def hang_up(self) -> Message:
        """In the place of `receive`, which only one may ask."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def listen(self) -> None:
        """Notice that the client has gone, once its whole body is there."""
        await self.received.wait()
        while (await self.receive_message())["type"] != "http.disconnect":
            pass
        self.lose(Disconnected("The client closed the connection."))

    def lose(self, reason: RequestError) -> None:
        self.gone.set()
        self.idle.set()
        if self.on_lost is not None:
            self.on_lost(reason)


class Exchanged(Response):
    """The answer to what was posted to a `path`, as Starlette takes it from a route, behind an Edge."""

    def __init__(self, entrance: Entrance, path: str) -> None:
        self.entrance, self.path, self.background = entrance, path, None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = AsgiConnection(scope, receive, self.entrance.send_timeout)
        exchange = self.entrance.enter(self.path, connection)
        if exchange is None:
            await connection.send_response(scope, send)
            return
        connection.on_complete = exchange.leave
        serving, listening = asyncio.create_task(exchange.serve()), asyncio.create_task(connection.listen())
        sending = asyncio.create_task(connection.send_response(scope, send))

        def served(_: object) -> None:
            if not connection.response.done():
                connection.response.set_result(None)
            elif not connection.is_ended:  # cut off: no end is sent, and the server closes the connection
                sending.cancel()

        serving.add_done_callback(served)
        try:
            await asyncio.wait((sending,))
            with suppress(asyncio.CancelledError):
                sending.result()
            await serving
        finally:
            for task in (serving, listening, sending):
                task.cancel()
            await asyncio.gather(serving, listening, sending, return_exceptions=True)
            exchange.leave()
            connection.on_complete = None  # they would know each other for ever


def cut(body: bytes) -> Iterator[bytes]:
    """Into pieces that each have the whole of `send_timeout`."""
    return (body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES))


def messages(answer: Response) -> Iterator[Message]:
    """An answer that is whole, as ASGI has it."""
    yield {"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
    for piece in cut(bytes(answer.body)):
        yield {"type": "http.response.body", "body": piece, "more_body": True}
    yield {"type": "http.response.body", "body": b"", "more_body": False}


def text_of(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in headers}
