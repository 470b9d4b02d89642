"""Who next: sequences beyond `max_running` wait here. Interactive before batch; within a class its FairQueue says."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from sluice.admission.entry import Entry, Guest, SequenceSpec
from sluice.admission.fair_queue import FairQueue
from sluice.admission.forecast import Forecast
from sluice.admission.preemption import to_pause
from sluice.settings import RequestClass

PATIENCE = 30.0
"""Seconds after which a batch sequence is treated as interactive, so that it never starves."""
STARTS_A_TURN = 16
"""Sequences that start in one turn of the event loop: handing one to the engine takes a tenth of a millisecond."""


class Scheduler:
    """Lets at most `max_running` sequences run. A waiting one costs the engine nothing and can leave at any time.

    Its books, by tenant: `prompt_tokens`, of sequences that have begun, and `generated_tokens`, as of the last `book`.
    `paused_by`: of those that wait, how many have run before, by class.
    """

    def __init__(self, max_running: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_running = max_running
        self.clock = clock
        self.busy_since = clock()
        self.entries = dict[Entry, None]()
        self.peak_running = 0
        self.paused_total = 0
        self.paused_by: Counter[str] = Counter()
        self.prompt_tokens: Counter[str] = Counter()
        self.generated_tokens: Counter[str] = Counter()
        self.running_by: Counter[tuple[str, str]] = Counter()
        self.waiting_by: Counter[tuple[str, str]] = Counter()
        self.running_by_tenant: Counter[str] = Counter()
        self.weights: dict[str, float] = {}
        self.starts = 0
        self.is_suspended = False
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
        moments = [since for queue in self.queues.values() if (since := queue.oldest()) is not None]
        return self.clock() - min(moments) if moments else 0.0

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
        self.weights[spec.tenant] = spec.weight
        self.wait(entry)
        self.wake()
        return entry

    def wait(self, entry: Entry, *, first: bool = False) -> None:
        self.queues[entry.waits_as].push(entry, first=first)
        self.waiting_by[entry.spec.request_class, entry.tenant] += 1

    def leave(self, *entries: Entry) -> None:
        """Give their places back, or stop waiting for one; those that have left already stay as they are."""
        now = self.clock()
        for entry in entries:
            if entry.state == "waiting":
                self.queues[entry.waits_as].remove(entry)
                self.waiting_by[entry.spec.request_class, entry.tenant] -= 1
                self.paused_by[entry.spec.request_class] -= entry.has_begun
            elif entry.state == "running":
                self.give_up(entry, now)
            else:
                continue
            entry.state, entry.since = "gone", now
        self.wake()

    def resize(self, max_running: int | None) -> None:
        """Change the max_running; those who run go on, those who wait may start."""
        self.max_running = max_running
        self.wake()

    def suspend(self) -> None:
        """The engine is gone: nobody starts until `go_on`, and the time of those that have begun stands still."""
        self.is_suspended = True
        for guest in self.guests():
            guest.pause()

    async def go_on(self) -> None:
        """There is an engine again: who has a place is put back into the batch, before anybody starts."""
        for number, guest in enumerate(self.guests()):
            if number % STARTS_A_TURN == STARTS_A_TURN - 1:
                await asyncio.sleep(0)
            guest.resume()
        now = self.clock()
        lines = (line for queue in self.queues.values() for line in queue.lines.values())
        for entry in chain(self.entries, *lines):
            if entry.has_begun:
                entry.since = now
        self.is_suspended = False
        self.wake()

    def guests(self) -> Iterator[Guest]:
        """Those that survive; one that has left meanwhile is passed over."""
        for entry in list(self.entries):
            if entry.state == "running" and entry.guest is not None and entry.guest.survives:
                yield entry.guest

    def wake(self) -> None:
        """Start whoever can start; the rest of many in the loop's next turns."""
        while not self.is_suspended and self.starts < STARTS_A_TURN and (entry := self.next()) and (
            self.has_place() or self.make_place(entry.spec)
        ):  # fmt: skip
            if self.starts == 0:
                asyncio.get_running_loop().call_soon(self.wake_again)
            self.starts += 1
            self.start(entry)

    def wake_again(self) -> None:
        self.starts = 0
        self.wake()

    def next(self) -> Entry | None:
        interactive, batch = self.queues["interactive"], self.queues["batch"]
        for entry in batch.firsts():  # those behind them will be first in their turn
            if self.clock() - entry.arrived > PATIENCE:
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
        inside = {spec.tenant}.union(self.running_by_tenant, *(queue.lines for queue in self.queues.values()))
        weights = {tenant: self.weights.get(tenant, spec.weight) for tenant in inside}
        return to_pause(spec, self.entries, self.max_running, self.running_by_tenant, weights)

    def make_place(self, spec: SequenceSpec) -> bool:
        """Put back to wait whoever has a place that is this sequence's by right."""
        paused = self.claim(spec)
        if paused is None or paused.guest is None:
            return False
        paused.guest.pause()
        now = self.clock()
        self.give_up(paused, now)
        self.paused_total += 1
        self.paused_by[paused.spec.request_class] += 1
        paused.state, paused.since = "waiting", now
        self.wait(paused, first=True)
        return True

    def start(self, entry: Entry) -> None:
        self.queues[entry.waits_as].start(entry)
        self.waiting_by[entry.spec.request_class, entry.tenant] -= 1
        entry.state, entry.since = "running", self.clock()
        if not self.entries:
            self.busy_since = entry.since
        self.entries[entry] = None
        self.count(entry, 1)
        self.peak_running = max(self.peak_running, self.running)
        if entry.has_begun:
            self.paused_by[entry.spec.request_class] -= 1
        else:
            self.prompt_tokens[entry.tenant] += entry.spec.prompt_tokens
        if entry.guest is not None:
            entry.guest.resume()
        else:
            entry.has_begun = True
            entry.begin(entry)

    def give_up(self, entry: Entry, now: float) -> None:
        """It runs no longer."""
        self.book((entry,))
        del self.entries[entry]
        self.count(entry, -1)
        if not self.running_by_tenant[entry.tenant]:
            del self.running_by_tenant[entry.tenant]
        self.forecast.left(now - entry.since)

    def book(self, entries: Iterable[Entry]) -> None:
        """Count what these that run have generated since they were booked last."""
        for entry in entries:
            self.generated_tokens[entry.tenant] += entry.tokens - entry.booked
            entry.booked = entry.tokens

    def count(self, entry: Entry, change: int) -> None:
        self.running_by[entry.spec.request_class, entry.spec.tenant] += change
        self.running_by_tenant[entry.spec.tenant] += change
