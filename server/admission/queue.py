"""Who next: sequences beyond `capacity` wait here. Interactive before batch, and within a class as its lane says."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from server.admission.forecast import Forecast
from server.admission.lane import OUTPUT_WEIGHT, Lane, Visit, Waiter
from server.settings import RequestClass

PATIENCE = 30.0
"""Seconds after which a batch sequence is treated as interactive, so that it never starves."""


class Turn:
    """A place in the batch: who has it, and the lane that is charged for what it gets."""

    def __init__(self, visit: Visit, lane: Lane) -> None:
        self.visit, self.lane = visit, lane

    def charge(self, tokens: int) -> None:
        """Count `tokens` of an answer as service received."""
        self.lane.charge(self.visit, OUTPUT_WEIGHT * tokens)


class Queue:
    """Lets at most `capacity` sequences run. A waiting one costs the engine nothing and can leave at any time."""

    def __init__(self, capacity: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.clock = clock
        self.busy_since = clock()
        self.running = 0
        self.peak_running = 0
        self.running_by: Counter[tuple[str, str]] = Counter()
        self.lanes: dict[RequestClass, Lane] = {"interactive": Lane(), "batch": Lane()}
        self.forecast = Forecast()

    @property
    def waiting(self) -> int:
        return sum(map(len, self.lanes.values()))

    def waiting_by(self) -> Counter[tuple[str, str]]:
        """How many wait, by class and tenant."""
        visits = (waiter.visit for lane in self.lanes.values() for line in lane.lines.values() for waiter in line)
        return Counter((visit.request_class, visit.tenant) for visit in visits)

    def oldest_wait(self) -> float:
        """Seconds that the one who has waited longest has waited."""
        arrivals = [arrived for lane in self.lanes.values() if (arrived := lane.oldest()) is not None]
        return self.clock() - min(arrivals) if arrivals else 0.0

    def predicted_wait(self, visit: Visit) -> float:
        """Seconds that this sequence would wait if it came now, as far as is known; 0 where nothing is known."""
        rate = self.rate()
        if self.has_place() or rate is None:
            return 0.0
        ahead = self.lanes["interactive"].ahead_of(visit)
        if visit.request_class == "batch":
            ahead = len(self.lanes["interactive"]) + self.lanes["batch"].ahead_of(visit)
        return (ahead + 1) / rate

    def rate(self) -> float | None:
        """Places that come free a second; None while nothing is known."""
        return self.forecast.rate(self.running)

    @asynccontextmanager
    async def turn(self, visit: Visit) -> AsyncIterator[Turn]:
        """Wait for a place in the batch, and hold it inside the `async with`."""
        lane = await self.enter(visit)
        started = self.clock()
        try:
            yield Turn(visit, lane)
        finally:
            self.forecast.left(self.clock() - started)
            self.leave(visit)

    async def enter(self, visit: Visit) -> Lane:
        waiter = Waiter(visit, self.clock())
        self.lanes[visit.request_class].push(waiter)
        self.wake()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                for lane in self.lanes.values():
                    with suppress(KeyError):  # it may have changed lanes, or `wake` has passed over it by now
                        lane.remove(waiter)
            else:
                self.leave(visit)  # its turn came in the same moment: hand it on
            raise

    def leave(self, visit: Visit) -> None:
        self.running -= 1
        self.running_by[visit.request_class, visit.tenant] -= 1
        self.wake()

    def resize(self, capacity: int | None) -> None:
        """Change the capacity; those who run go on, those who wait may start."""
        self.capacity = capacity
        self.wake()

    def wake(self) -> None:
        while self.has_place() and (lane := self.next_lane()) is not None:
            waiter = lane.pop()
            if not waiter.turn.cancelled():
                self.start(waiter.visit)
                waiter.turn.set_result(lane)

    def next_lane(self) -> Lane | None:
        interactive, batch = self.lanes["interactive"], self.lanes["batch"]
        for waiter in batch.older_than(self.clock() - PATIENCE):
            batch.remove(waiter)
            interactive.push(waiter)
        return interactive if interactive.lines else batch if batch.lines else None

    def has_place(self) -> bool:
        return self.capacity is None or self.running < self.capacity

    def start(self, visit: Visit) -> None:
        if self.running == 0:
            self.busy_since = self.clock()
        self.running += 1
        self.running_by[visit.request_class, visit.tenant] += 1
        self.peak_running = max(self.peak_running, self.running)
