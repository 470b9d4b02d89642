"""Who next: sequences beyond `max_running` wait here. Interactive before batch; within a class its FairQueue says."""

import time
from collections import Counter
from collections.abc import Callable

from sluice.admission.entry import Entry, SequenceSpec
from sluice.admission.fair_queue import FairQueue
from sluice.admission.forecast import Forecast
from sluice.admission.preemption import to_pause
from sluice.settings import RequestClass

PATIENCE = 30.0
"""Seconds after which a batch sequence is treated as interactive, so that it never starves."""


class Scheduler:
    """Lets at most `max_running` sequences run. A waiting one costs the engine nothing and can leave at any time."""

    def __init__(self, max_running: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_running = max_running
        self.clock = clock
        self.busy_since = clock()
        self.entries = dict[Entry, None]()
        self.peak_running = 0
        self.paused_total = 0
        self.running_by: Counter[tuple[str, str]] = Counter()
        self.waiting_by: Counter[tuple[str, str]] = Counter()
        self.running_by_tenant: Counter[str] = Counter()
        self.queues: dict[RequestClass, FairQueue] = {"interactive": FairQueue(), "batch": FairQueue()}
        self.forecast = Forecast()

    @property
    def running(self) -> int:
        return len(self.entries)

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    def oldest_wait(self) -> float:
        """Seconds that the one who has waited longest has waited."""
        arrivals = [arrived for queue in self.queues.values() if (arrived := queue.oldest()) is not None]
        return self.clock() - min(arrivals) if arrivals else 0.0

    def predicted_wait(self, spec: SequenceSpec) -> float:
        """Seconds that this sequence would wait if it came now, as far as is known; 0 where nothing is known."""
        rate = self.rate()
        if self.has_place() or rate is None:
            return 0.0
        ahead = self.queues["interactive"].ahead_of(spec)
        if spec.request_class == "batch":
            ahead = len(self.queues["interactive"]) + self.queues["batch"].ahead_of(spec)
        return (ahead + 1) / rate

    def rate(self) -> float | None:
        """Places that come free a second; None while nothing is known."""
        return self.forecast.rate(self.running)

    def join(self, spec: SequenceSpec, begin: Callable[[Entry], None]) -> Entry:
        """Wait for a place in the batch: `begin` is called when there is one, which may be now. It has to be left."""
        entry = Entry(spec, self.clock(), begin)
        self.wait(entry)
        self.wake()
        return entry

    def leave(self, entry: Entry) -> None:
        """Give its place back, or stop waiting for one; may be called again."""
        if entry.state == "gone":
            return
        if entry.state == "waiting":
            self.queues[entry.waits_as].remove(entry)
            self.waiting_by[entry.spec.request_class, entry.spec.tenant] -= 1
        else:
            self.give_up(entry)
        entry.state = "gone"
        self.wake()

    def resize(self, max_running: int | None) -> None:
        """Change the max_running; those who run go on, those who wait may start."""
        self.max_running = max_running
        self.wake()

    def wake(self) -> None:
        """Start whoever can start."""
        while (entry := self.next()) is not None and (self.has_place() or self.make_place(entry.spec)):
            self.start(entry)

    def next(self) -> Entry | None:
        interactive, batch = self.queues["interactive"], self.queues["batch"]
        for entry in batch.older_than(self.clock() - PATIENCE):
            batch.remove(entry)
            entry.waits_as = "interactive"
            interactive.push(entry)
        queue = interactive if interactive.lines else batch
        return queue.next(self.running_by_tenant) if queue.lines else None

    def has_place(self) -> bool:
        return self.max_running is None or self.running < self.max_running

    def claim(self, spec: SequenceSpec) -> Entry | None:
        """The running turn that would have to wait again if this sequence were next; None if there is no such one."""
        if self.max_running is None or self.running > self.max_running:
            return None
        queued = {
            tenant: next(iter(line)).spec.weight
            for queue in self.queues.values()
            for tenant, line in queue.lines.items()
        }
        return to_pause(spec, self.entries, self.max_running, queued)

    def make_place(self, spec: SequenceSpec) -> bool:
        """Put back to wait whoever has a place that is this sequence's by right."""
        paused = self.claim(spec)
        if paused is None or paused.guest is None:
            return False
        paused.guest.pause()
        self.give_up(paused)
        self.paused_total += 1
        paused.state = "waiting"
        self.wait(paused, first=True)
        return True

    def wait(self, entry: Entry, *, first: bool = False) -> None:
        self.queues[entry.waits_as].push(entry, first=first)
        self.waiting_by[entry.spec.request_class, entry.spec.tenant] += 1

    def start(self, entry: Entry) -> None:
        self.queues[entry.waits_as].start(entry)
        self.waiting_by[entry.spec.request_class, entry.spec.tenant] -= 1
        entry.state = "running"
        entry.started = self.clock()
        if not self.entries:
            self.busy_since = entry.started
        self.entries[entry] = None
        self.count(entry, 1)
        self.peak_running = max(self.peak_running, self.running)
        if entry.guest is not None:
            entry.guest.resume()
        else:
            entry.has_begun = True
            entry.begin(entry)

    def give_up(self, entry: Entry) -> None:
        """It runs no longer."""
        del self.entries[entry]
        self.count(entry, -1)
        self.forecast.left(self.clock() - entry.started)

    def count(self, entry: Entry, change: int) -> None:
        self.running_by[entry.spec.request_class, entry.spec.tenant] += change
        self.running_by_tenant[entry.spec.tenant] += change
