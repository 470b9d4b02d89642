"""`sluice bench closed` and `sluice bench open`: what a server does at each of several loads.

**Closed**: so many clients, each of which asks again as soon as it has its answer: what each of them gets, and all.
**Open**: requests arrive as a Poisson process at a rate, whatever becomes of those before, as strangers do. Each load
lasts for `seconds`, of which the first fifth fills the server up and is not counted; after it requests get 10 s to
finish. Latencies count from when a request was due. **Between tokens** is from one event of a stream to the next.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from sluice.bench.client import Client
from sluice.bench.connection import Pool
from sluice.bench.figures import Figures
from sluice.bench.greeting import Greeting
from sluice.bench.load import Load
from sluice.bench.overload import MOST, SEED
from sluice.bench.plan import Plan
from sluice.bench.target import Target
from sluice.errors import BenchFailed

Loop = Literal["closed", "open"]


@dataclass(frozen=True)
class Step:
    """`size`: clients of a closed loop, or requests a second of an open one."""

    size: float
    figures: Figures


@dataclass
class Sweep:
    """`steps`: what has been measured so far, and each load in the order in which it was put on."""

    loop: Loop
    load: Load
    steps: list[Step] = field(default_factory=list)

    async def run(self, sizes: Sequence[float], seconds: float, say: Callable[[str], object]) -> None:
        """Until all is measured, or the stop: then the step that runs is measured as far as it came."""
        unit = "clients" if self.loop == "closed" else "requests a second"
        for number, size in enumerate(sizes, 1):
            if self.load.stop.is_set():
                return
            say(f"{number} of {len(sizes)}: {size:g} {unit} for {seconds:g} s")
            closed = self.loop == "closed"
            run = await (self.load.closed(int(size), seconds) if closed else self.load.open(size, seconds))
            if run.until > run.since:
                self.steps.append(Step(size, Figures.of(run)))


async def sweep(
    url: str, loop: Loop, sizes: Sequence[float], plan: Plan, *, stop: asyncio.Event, say: Callable[[str], object]
) -> Sweep:
    """Greet the server and measure it, until `stop` at the longest. Raises BenchFailed if that gives no figures."""
    if loop == "open" and max(sizes) * plan.seconds > MOST:
        raise BenchFailed(f"{max(sizes):g} a second would be more than {MOST} requests: ask for less, or fewer seconds")
    clock, target = time.perf_counter, Target(url)
    pool = Pool(target.host, target.port, target.tls, clock)
    client = Client(pool, plan.timeout, clock, Random(SEED))
    try:
        subject = await Greeting(target, client, plan).exchange()
        measured = Sweep(loop, Load(client, subject, plan.retries, stop, random=Random(SEED), clock=clock))
        await measured.run(sizes, plan.seconds, say)
    finally:
        pool.close()
    if not measured.steps:
        raise BenchFailed("stopped before anything was measured")
    return measured
