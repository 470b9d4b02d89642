"""`sluice bench overload`: what a server does with more than it can serve.

**Saturation** is found first: a closed loop of `clients`, each of which asks again as soon as it has its answer, for
`seconds`. What finishes a second is the rate called 1×. It can be given instead, to put the same load on two servers.

**Each multiple** of it is then an open loop: requests arrive as a Poisson process at that rate, for `seconds`, whatever
becomes of those before. The first fifth fills the server up and is not counted. After the last arrival requests get
10 s to finish, then they are cut. The random numbers are the same in every call: two servers see the same arrivals.

**Beside the load** a probe (`/livez`, else `/health`, else `/v1/models`) arrives 50 times a second, as a Poisson
process too: such arrivals see what any arrival sees, so the probe's percentiles can be compared with the refusals'.
Both bear whatever the generator itself is late.

**Goodput** is the tokens a second that came while it was measured, of answers that ended with a finish_reason and
[DONE], be it later. **Latency** counts from when a request was due, not from when it was sent. **Refused** is 429 and
503. **Retries** are those of OpenAI's Python SDK; how many are let in by one, is told of clients that came in the first
half. **Jain's index** is over the tokens of goodput that each tenant got; one whose key is given twice asks twice as
often.

Connections are kept alive and used again, as the SDK and gateways do; see `connection.py`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sluice.bench.client import Client
from sluice.bench.connection import Pool
from sluice.bench.figures import Figures
from sluice.bench.greeting import Greeting
from sluice.bench.load import Load
from sluice.bench.plan import Plan
from sluice.bench.target import Target
from sluice.errors import BenchFailed

SEED = 1
MOST = 200_000
"""Requests of one run at most: each is remembered."""


@dataclass(frozen=True)
class Level:
    multiple: float
    figures: Figures


class Overload:
    """`saturation` and `levels` hold what has been measured so far; `say` gets a line at each step."""

    def __init__(self, plan: Plan, load: Load, say: Callable[[str], object]) -> None:
        self.plan, self.load, self.say = plan, load, say
        self.saturation = plan.saturation
        self.levels: list[Level] = []

    async def run(self) -> None:
        """Until all is measured, or the stop: then the level that runs is measured as far as it came."""
        if self.saturation is None:
            self.saturation = await self.saturate()
        highest = max(self.plan.multiples)
        if (most := highest * self.saturation * self.plan.seconds) > MOST:
            raise BenchFailed(
                f"{highest:g}× would be {most:.0f} requests, more than {MOST}: ask for less, or fewer seconds"
            )
        for multiple in self.plan.multiples:
            if self.load.stop.is_set():
                return
            rate = multiple * self.saturation
            self.say(f"{multiple:g}×: {rate:.1f} requests a second for {self.plan.seconds:g} s")
            run = await self.load.open(rate, self.plan.seconds)
            if run.until > run.since:
                self.levels.append(Level(multiple, Figures.of(run)))

    async def saturate(self) -> float:
        """Requests a second that the closed loop gets finished."""
        self.say(f"saturation: {self.plan.clients} clients for {self.plan.seconds:g} s")
        run = await self.load.closed(self.plan.clients, self.plan.seconds)
        if run.until <= run.since:
            raise BenchFailed("stopped before anything was measured")
        finished = Figures.of(run)
        if not finished.finished_per_second:
            raise BenchFailed(f"no request was finished by {self.plan.clients} clients: {finished.outcomes}")
        return finished.finished_per_second


async def measure(url: str, plan: Plan, stop: asyncio.Event, say: Callable[[str], object]) -> Overload:
    """Greet the server and measure it, until `stop` at the longest. Raises BenchFailed if that gives no figures."""
    clock, target = time.perf_counter, Target(url)
    pool = Pool(target.host, target.port, target.tls, clock)
    client = Client(pool, plan.timeout, clock, Random(SEED))
    try:
        subject = await Greeting(target, client, plan).exchange()
        overload = Overload(plan, Load(client, subject, plan.retries, stop, random=Random(SEED), clock=clock), say)
        await overload.run()
    finally:
        pool.close()
    if not overload.levels:
        raise BenchFailed("stopped before anything was measured")
    return overload
