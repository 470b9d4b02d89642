"""Clients that do not read: how much one has taken, and the end of connections on which nothing is taken any more."""

import asyncio
import socket
import sys
from collections.abc import Callable, Collection
from typing import Protocol

TCP_INFO_BYTES, BYTES_ACKED = 128, slice(120, 128)
"""Of Linux' `tcp_info`, and where in it `tcpi_bytes_acked` is."""
LOOKS = 4
"""How often connections are looked at within the time that they have."""
IDLE_S = 15.0
"""Until the next look where there is no limit, which may come with other settings."""


class Sending(Protocol):
    """What has a connection: uvicorn's protocols do."""

    transport: asyncio.Transport


def bytes_taken(transport: asyncio.Transport) -> int:
    """What the client's machine has acknowledged since the connection began. Raises OSError if it has ended."""
    info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    return int.from_bytes(info[BYTES_ACKED], sys.byteorder)


async def cut_the_deaf(connections: Collection[Sending], send_timeout: Callable[[], float | None]) -> None:
    """Until it is cancelled, end connections that hold an answer of which nothing has been taken for a long time.

    A request gives up on its client by itself, and books it; this is for what is left when it has. The kernel's own
    TCP_USER_TIMEOUT will not do: to a client that takes a little now and then it is as deaf as to none.
    """
    looks_without_progress: dict[Sending, tuple[int, int]] = {}
    while True:
        limit = send_timeout()
        await asyncio.sleep(IDLE_S if limit is None else 2 * limit / LOOKS)
        before, looks_without_progress = looks_without_progress, {}
        for connection in list(connections) if limit is not None else ():
            transport = connection.transport
            if transport.get_write_buffer_size() == 0:
                continue
            taken = bytes_taken(transport)
            last, looks = before.get(connection, (taken, -1))
            looks = looks + 1 if taken == last else 0
            if looks < LOOKS:
                looks_without_progress[connection] = taken, looks
            else:
                transport.abort()
