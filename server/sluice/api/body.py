"""A request's body, within its limits of size and time, and what it says."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sluice.api.body_floor import FLOOR_BYTES_PER_S, BodyFloor
from sluice.api.content import unpack
from sluice.errors import BodyTooLarge, BodyTooSlow, Disconnected
from sluice.settings import Http
from sluice.transport.base import Connection
from sluice.wire.structure import SHORT_BODY_BYTES

Parsed = TypeVar("Parsed")


async def read_body(connection: Connection, packed: bytes, http: Http, is_full: Callable[[], bool]) -> bytes:
    """All of it, unpacked. `is_full`: whether others are refused for want of a seat.

    Raises BodyTooLarge, BodyTooSlow, Disconnected or InvalidRequest.
    """
    body = connection.read()
    if body is None:
        body = await receive_in_time(connection, http, is_full)
    if len(body) > http.max_body_bytes:
        raise BodyTooLarge(f"The body is longer than {http.max_body_bytes} bytes (http.max_body_bytes).")
    return await asyncio.to_thread(unpack, body, packed, http.max_body_bytes) if packed else body


async def receive_in_time(connection: Connection, http: Http, is_full: Callable[[], bool]) -> bytes:
    try:
        async with asyncio.timeout(http.body_timeout) as limit:
            with BodyFloor(is_full, limit) as floor:
                return await receive_body(connection, http.max_body_bytes, floor)
    except TimeoutError:
        if floor.is_reached:
            raise BodyTooSlow(
                f"The server is full, and the body came slower than {FLOOR_BYTES_PER_S} bytes a second."
            ) from None
        raise BodyTooSlow(f"The body did not arrive within {http.body_timeout:g} s (http.body_timeout).") from None


async def receive_body(connection: Connection, most: int, floor: BodyFloor) -> bytes:
    """The body as it comes; no more than the first piece beyond the most."""
    body = bytearray()  # pieces may be of a byte each, and an object for each would be large
    while True:
        message = await connection.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("The client closed the connection.")
        body += message.get("body", b"")
        floor.received = len(body)
        if len(body) > most or not message.get("more_body", False):
            return bytes(body)


async def parse(read: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    """What `read` makes of it, on a thread if it may take long. Raises InvalidRequest."""
    return read(body) if len(body) <= SHORT_BODY_BYTES else await asyncio.to_thread(read, body)
