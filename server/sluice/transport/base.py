"""What serves a request, and the connection that it came through: one contract, whatever HTTP server is below.

None of it needs a task.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from starlette.types import Message

from sluice.errors import RequestError
from sluice.transport.record import Record, Records

Headers = list[tuple[bytes, bytes]]
"""As ASGI has them, names in lower case."""
FAULT = 500
"""The status of an answer with which its connection ends."""


class Connection(Protocol):
    """One request's. `headers` are the request's. `has_begun`: a status has been sent.

    `is_last`, once set: the connection ends with this answer, where the server lets us.

    `on_complete` is called when the whole answer is on its way, before the next request is looked at; `on_lost` when
    nobody will read it any more, with the reason. What is sent after that is dropped.
    """

    headers: Headers
    record: Record
    is_last: bool
    on_complete: Callable[[], None] | None
    on_lost: Callable[[RequestError], None] | None

    @property
    def has_begun(self) -> bool: ...

    def read(self) -> bytes | None:
        """The request's body, if all of it has come; it can be read once. Else `receive` gives it, and waits."""

    async def receive(self) -> Message:
        """As ASGI's."""

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer."""

    def begin(self, headers: Headers, body: bytes) -> None:
        """Status 200, and the first piece of a body that goes on; `headers` tell its length if it is known."""

    def write(self, body: bytes) -> bool:
        """More of a body that has begun, and is not empty; whether it was sent.

        It is not while the client does not read: `drain` waits until it does.
        """

    async def drain(self) -> None:
        """Wait until the client reads, or has gone."""

    def end(self, body: bytes) -> None:
        """The last piece."""

    def taken(self) -> int:
        """How many bytes the client has taken, as far as the server knows; it is not cheap, and asked now and then."""


class Exchange(Protocol):
    """A request that was let in. `serve` runs as a task; `leave` is called when its answer is complete, and when that
    is done."""

    async def serve(self) -> None: ...

    def leave(self) -> None: ...


class Handler(Protocol):
    """Serves what is posted to its `paths`."""

    @property
    def paths(self) -> Collection[str]: ...

    @property
    def records(self) -> Records:
        """Where a request's Record is opened."""

    @property
    def send_timeout(self) -> float | None:
        """Seconds that a client may leave a piece of its answer unread."""

    def enter(self, path: str, connection: Connection) -> Exchange | None:
        """None: it has been answered already, without a task and without a look at its body."""

    def malformed(self, path: str, status: int, message: str) -> bytes:
        """The error object, as JSON, for what is not HTTP; the path is empty if it was not understood either."""


def encode(headers: Mapping[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
