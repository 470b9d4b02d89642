"""How fast a body has to come while others are refused for want of the seat that waits for it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

FLOOR_BYTES_PER_S = 4096
"""A bad mobile connection has several times that. The longest body that is read has to come faster anyway."""
GRACE_S = 5.0
"""What any body gets beyond that: time for connections that begin slowly, or lose a packet."""
LOOK_S = 1.0
"""How often it is asked whether the server is full, for bodies that are slow while it is not."""


class BodyFloor(AbstractContextManager["BodyFloor"]):
    """Lets `limit` end when the body is below the floor, and the server full. `received`: its bytes so far."""

    def __init__(self, is_full: Callable[[], bool], limit: asyncio.Timeout) -> None:
        self.is_full, self.limit = is_full, limit
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.received = 0
        self.is_reached = False
        self.timer = self.loop.call_later(GRACE_S, self.look)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.timer.cancel()

    def look(self) -> None:
        now, enough_until = self.loop.time(), self.began + GRACE_S + self.received / FLOOR_BYTES_PER_S
        if now >= enough_until and self.is_full() and not self.limit.expired():
            self.is_reached = True
            self.limit.reschedule(now)
        else:
            self.timer = self.loop.call_at(max(enough_until, now + LOOK_S), self.look)
