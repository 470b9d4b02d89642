"""Who next: sequences beyond `capacity` wait here. Interactive before batch, and within a class as its lane says."""

import time
from collections import Counter
from collections.abc import Callable

from server.admission.forecast import Forecast
from server.admission.lane import Lane
from server.admission.share import to_pause
from server.admission.turn import Turn, Visit
from server.settings import RequestClass

PATIENCE = 30.0
"""Seconds after which a batch sequence is treated as interactive, so that it never starves."""


class Queue:
    """Lets at most `capacity` sequences run. A waiting one costs the engine nothing and can leave at any time."""

    def __init__(self, capacity: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.clock = clock
        self.busy_since = clock()
        self.turns = dict[Turn, None]()
        self.peak_running = 0
        self.paused_total = 0
        self.running_by: Counter[tuple[str, str]] = Counter()
        self.running_by_tenant: Counter[str] = Counter()
        self.lanes: dict[RequestClass, Lane] = {"interactive": Lane(), "batch": Lane()}
        self.forecast = Forecast()

    @property
    def running(self) -> int:
        return len(self.turns)

    @property
    def waiting(self) -> int:
        return sum(map(len, self.lanes.values()))

    def waiting_by(self) -> Counter[tuple[str, str]]:
        """How many wait, by class and tenant."""
        visits = (turn.visit for lane in self.lanes.values() for line in lane.lines.values() for turn in line)
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

    def join(self, visit: Visit, begin: Callable[[Turn], None]) -> Turn:
        """Wait for a place in the batch: `begin` is called when there is one, which may be now. It has to be left."""
        turn = Turn(visit, self.clock(), begin)
        self.lanes[visit.request_class].push(turn)
        self.wake()
        return turn

    def leave(self, turn: Turn) -> None:
        """Give its place back, or stop waiting for one; may be called again."""
        if turn.state == "gone":
            return
        if turn.state == "waiting":
            turn.lane.remove(turn)
        else:
            self.give_up(turn)
        turn.state = "gone"
        self.wake()

    def resize(self, capacity: int | None) -> None:
        """Change the capacity; those who run go on, those who wait may start."""
        self.capacity = capacity
        self.wake()

    def wake(self) -> None:
        """Start whoever can start."""
        while (turn := self.next()) is not None and (self.has_place() or self.make_place(turn.visit)):
            self.start(turn)

    def next(self) -> Turn | None:
        interactive, batch = self.lanes["interactive"], self.lanes["batch"]
        for turn in batch.older_than(self.clock() - PATIENCE):
            batch.remove(turn)
            interactive.push(turn)
        lane = interactive if interactive.lines else batch
        return lane.next(self.running_by_tenant) if lane.lines else None

    def has_place(self) -> bool:
        return self.capacity is None or self.running < self.capacity

    def claim(self, visit: Visit) -> Turn | None:
        """The running turn that would have to wait again if this sequence were next; None if there is no such one."""
        if self.capacity is None or self.running > self.capacity:
            return None
        queued = {
            tenant: next(iter(line)).visit.weight for lane in self.lanes.values() for tenant, line in lane.lines.items()
        }
        return to_pause(visit, self.turns, self.capacity, queued)

    def make_place(self, visit: Visit) -> bool:
        """Put back to wait whoever has a place that is this sequence's by right."""
        paused = self.claim(visit)
        if paused is None or paused.guest is None:
            return False
        paused.guest.pause()
        self.give_up(paused)
        self.paused_total += 1
        paused.state = "waiting"
        paused.lane.push(paused, first=True)
        return True

    def start(self, turn: Turn) -> None:
        turn.lane.start(turn)
        turn.state = "running"
        turn.started = self.clock()
        if not self.turns:
            self.busy_since = turn.started
        self.turns[turn] = None
        self.count(turn, 1)
        self.peak_running = max(self.peak_running, self.running)
        if turn.guest is not None:
            turn.guest.resume()
        else:
            turn.has_begun = True
            turn.begin(turn)

    def give_up(self, turn: Turn) -> None:
        """It runs no longer."""
        del self.turns[turn]
        self.count(turn, -1)
        self.forecast.left(self.clock() - turn.started)

    def count(self, turn: Turn, change: int) -> None:
        self.running_by[turn.visit.request_class, turn.visit.tenant] += change
        self.running_by_tenant[turn.visit.tenant] += change
