"""Load on a server: an open loop, in which nobody waits for anybody, and a closed one, which finds saturation."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from random import Random

from sluice.bench.arrivals import poisson
from sluice.bench.client import Client
from sluice.bench.greeting import Subject
from sluice.bench.record import Attempt, Request, Run

TICK = 0.001
"""Seconds: the shortest sleep. The event loop's timers are no finer, and would spin."""
PROBES = 50.0
"""Probes a second beside the load."""
RAMP = 0.2
"""The part of a run in which the server fills up; it is not counted."""
GRACE = 10.0
"""Seconds that requests get to finish after the last arrival; then they are cut."""
PAUSE = 0.5
"""Seconds that a client of the closed loop waits after something went wrong."""


class Load:
    """`stop` ends what runs. `random` makes the arrivals and nothing else, so answers can't change them."""

    def __init__(
        self, client: Client, subject: Subject, retries: int, stop: asyncio.Event, *,
        random: Random, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.client, self.subject, self.retries, self.stop = client, subject, retries, stop
        self.random, self.clock = random, clock
        self.tenants = {message: number for number, message in enumerate(dict.fromkeys(subject.messages))}

    async def open(self, rate: float, seconds: float) -> Run:
        """`rate` requests arrive a second, whatever becomes of those before; probes arrive beside them."""
        tasks = set[asyncio.Task[None]]()
        run = self.new_run(rate, seconds)
        end = run.until

        async def arrive(due: float) -> None:
            await self.request(run, self.random.choice(self.subject.messages), due, self.retries, end)

        async def probe(due: float) -> None:
            run.probes.append(attempt := Attempt(due))
            await self.client.attempt(attempt, self.subject.probe)

        requests = [run.began + moment for moment in poisson(rate, seconds, self.random)]
        probes = [run.began + moment for moment in poisson(PROBES, seconds, self.random)]
        await self.measure(run, self.start(requests, arrive, tasks), self.start(probes, probe, tasks))
        await self.finish(tasks)
        return run

    async def closed(self, clients: int, seconds: float) -> Run:
        """So many clients, each of which asks again as soon as it has its answer."""
        run = self.new_run(0, seconds)
        end = run.until

        async def ask_again(message: bytes) -> None:
            while (now := self.clock()) < end:
                request = await self.request(run, message, now, retries=10_000, until=end)
                if request.attempts[-1].outcome != "finished":
                    await asyncio.sleep(PAUSE)

        asking = itertools.islice(itertools.cycle(self.subject.messages), clients)
        tasks = {asyncio.create_task(ask_again(message)) for message in asking}
        await self.measure(run)
        await self.finish(tasks)
        return run

    def new_run(self, rate: float, seconds: float) -> Run:
        now = self.clock()
        return Run(rate, len(self.tenants), began=now, since=now + RAMP * seconds, until=now + seconds)

    async def request(self, run: Run, message: bytes, due: float, retries: int, until: float) -> Request:
        run.requests.append(request := Request(self.tenants[message]))
        await self.client.request(request, message, due, retries, until)
        return request

    async def start(
        self,
        moments: Iterable[float],
        begin: Callable[[float], Coroutine[None, None, None]],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        """Begin one at each moment. One that is late begins at once, and is not left out."""
        for due in moments:
            wait = due - self.clock()
            await asyncio.sleep(max(wait, TICK) if wait > 0 else 0)
            task = asyncio.create_task(begin(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def measure(self, run: Run, *works: Coroutine[None, None, None]) -> None:
        """Let the works go on until the run is over, or is stopped; however late the generator is."""
        cpu = time.process_time()
        working = [asyncio.create_task(work) for work in works]
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), run.until - self.clock())
        run.cpu = time.process_time() - cpu
        run.until = min(run.until, self.clock())
        for work in working:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def finish(self, tasks: set[asyncio.Task[None]]) -> None:
        """Let them finish within their grace, and cut the rest; after a stop there is none."""
        if left := set(tasks):
            _, left = await asyncio.wait(left, timeout=0 if self.stop.is_set() else GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
