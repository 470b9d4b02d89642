"""The same events for all who watch: each is encoded once, and none if nobody does."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from sluice.live.status import Statuses
from sluice.telemetry.snapshot import INTERVAL_S
from sluice.transport.exiting import is_exiting
from sluice.transport.sse import named_event, to_json


class Feed:
    """Ticks once a second inside `with running()`. A viewer that is slow misses events, and nothing is kept for it."""

    def __init__(self, statuses: Statuses) -> None:
        self.statuses = statuses
        self.turn = asyncio.Event()
        self.encoded: dict[str, bytes] = {}
        self.timer: asyncio.TimerHandle | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        self.wind(asyncio.get_running_loop().time() + INTERVAL_S)
        try:
            yield
        finally:
            if self.timer is not None:
                self.timer.cancel()

    def wind(self, due: float) -> None:
        """`due`: on the loop's clock. What could not be taken while the process stood still is not made up for."""
        loop = asyncio.get_running_loop()
        due = max(due, loop.time() + INTERVAL_S / 2)
        self.timer = loop.call_at(due, self.tick, due)

    def tick(self, due: float) -> None:
        self.wind(due + INTERVAL_S)
        self.statuses.sample()
        self.tell()

    def tell(self) -> None:
        """There is something new: whoever watches gets it."""
        self.encoded.clear()
        self.turn.set()
        self.turn = asyncio.Event()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """For one viewer, until the server's life is over."""
        self.statuses.viewers += 1
        try:
            yield self.history()
            while True:
                turn = self.turn
                yield self.status()
                if self.statuses.life.is_over or is_exiting():
                    return
                await turn.wait()
        finally:
            self.statuses.viewers -= 1

    def history(self) -> bytes:
        if "history" not in self.encoded:
            self.encoded["history"] = named_event("history", to_json(self.statuses.sampler.history()))
        return self.encoded["history"]

    def status(self) -> bytes:
        if "status" not in self.encoded:
            self.encoded["status"] = named_event("status", to_json(self.statuses.now()))
        return self.encoded["status"]
