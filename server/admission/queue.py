"""Who next: sequences beyond `capacity` wait here, first come, first served."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Queue:
    """Lets at most `capacity` sequences run. A waiting one costs the engine nothing and can leave at any time."""

    def __init__(self, capacity: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.clock = clock
        self.busy_since = clock()
        self.running = 0
        self.peak_running = 0
        self.waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self.waiters)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place in the batch, and hold it inside the `async with`."""
        await self.enter()
        try:
            yield
        finally:
            self.leave()

    async def enter(self) -> None:
        if not self.waiters and self.has_place():
            self.start_one()
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # `wake` may have passed over it by now
                    self.waiters.remove(turn)
            else:
                self.leave()  # its turn came in the same moment: hand it on
            raise

    def leave(self) -> None:
        self.running -= 1
        self.wake()

    def resize(self, capacity: int | None) -> None:
        """Change the capacity; those who run go on, those who wait may start."""
        self.capacity = capacity
        self.wake()

    def wake(self) -> None:
        while self.waiters and self.has_place():
            turn = self.waiters.popleft()
            if not turn.cancelled():
                self.start_one()
                turn.set_result(None)

    def has_place(self) -> bool:
        return self.capacity is None or self.running < self.capacity

    def start_one(self) -> None:
        if self.running == 0:
            self.busy_since = self.clock()
        self.running += 1
        self.peak_running = max(self.peak_running, self.running)
