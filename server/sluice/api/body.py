"""A request's body, within its limits of size and time."""

import asyncio

from sluice.errors import BodyTooLarge, BodyTooSlow, Disconnected
from sluice.settings import Http
from sluice.transport.base import Connection


async def read_body(connection: Connection, http: Http) -> bytes:
    """All of it. Raises BodyTooLarge, BodyTooSlow or Disconnected."""
    body = connection.read()
    try:
        if body is None:
            async with asyncio.timeout(http.body_timeout):
                body = await receive_body(connection, http.max_body_bytes)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {http.body_timeout:g} s (http.body_timeout).") from None
    if len(body) > http.max_body_bytes:
        raise BodyTooLarge(f"The body is longer than {http.max_body_bytes} bytes (http.max_body_bytes).")
    return body


async def receive_body(connection: Connection, limit: int) -> bytes:
    """The body as it comes; no more than the first piece beyond the limit."""
    chunks, size = list[bytes](), 0
    while True:
        message = await connection.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("The client closed the connection.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit or not message.get("more_body", False):
            return b"".join(chunks)
