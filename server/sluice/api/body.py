"""A request's body, within its limits of size and time."""

import asyncio

from sluice.api.content import unpack
from sluice.errors import BodyTooLarge, BodyTooSlow, Disconnected
from sluice.settings import Http
from sluice.transport.base import Connection


async def read_body(connection: Connection, packed: bytes, http: Http) -> bytes:
    """All of it, unpacked. Raises BodyTooLarge, BodyTooSlow, Disconnected or InvalidRequest."""
    body = connection.read()
    try:
        if body is None:
            async with asyncio.timeout(http.body_timeout):
                body = await receive_body(connection, http.max_body_bytes)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {http.body_timeout:g} s (http.body_timeout).") from None
    if len(body) > http.max_body_bytes:
        raise BodyTooLarge(f"The body is longer than {http.max_body_bytes} bytes (http.max_body_bytes).")
    return await asyncio.to_thread(unpack, body, packed, http.max_body_bytes) if packed else body


async def receive_body(connection: Connection, limit: int) -> bytes:
    """The body as it comes; no more than the first piece beyond the limit."""
    body = bytearray()  # pieces may be of a byte each, and an object for each would be large
    while True:
        message = await connection.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("The client closed the connection.")
        body += message.get("body", b"")
        if len(body) > limit or not message.get("more_body", False):
            return bytes(body)
