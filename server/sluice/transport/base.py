"""What serves a request asks of the connection that it came through. None of it needs a task."""

from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.types import Message


class Connection(Protocol):
    """One request's. `headers` are ASGI's. `has_begun`: a status has been sent.

    `on_complete` is called when the whole answer has been sent, before the next request is looked at; `on_lost` when
    the client hangs up before. What is sent after that is dropped.
    """

    headers: list[tuple[bytes, bytes]]
    on_complete: Callable[[], None] | None
    on_lost: Callable[[], None] | None

    @property
    def has_begun(self) -> bool: ...

    def read(self) -> bytes | None:
        """The request's body, if all of it has come; it can be read once. Else `receive` gives it, and waits."""

    async def receive(self) -> Message:
        """As ASGI's."""

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer. `headers`: as `encode` makes them."""

    def begin(self, headers: bytes, body: bytes) -> None:
        """Status 200, and the first piece of a body that goes on."""

    def write(self, body: bytes) -> bool:
        """More of a body that has begun, and is not empty; whether it was sent.

        It is not while the client does not read: `drain` waits until it does.
        """

    async def drain(self) -> None:
        """Wait until the client reads, or has gone."""

    def end(self, body: bytes) -> None:
        """The last piece."""


def encode(headers: Mapping[str, str]) -> bytes:
    """As they are sent."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
