"""A soak: a server under more load than it lets in, while its engine dies and the network harms its clients."""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

import httpx

from tests.process import Process
from tests.soak.clients import Client, Tally
from tests.soak.faults import Fault, Faults, Kind
from tests.soak.watch import Base, Sample, base, growth, watch

LOAD = 1.2
"""Clients for each of the server's seats: some are always refused."""
IDLE_S = 2.0
"""After which nothing may be left of what was inside."""
MOST_GROWTH = 64.0
"""MiB: what malloc keeps comes and goes."""
MOST_GAP_S = 2.0
"""Beyond the time for which the server was not ready."""


@dataclass(frozen=True)
class Soak:
    """What a soak has shown. Moments are on the clock of `time.monotonic`; `began`: the first of them."""

    began: float
    seconds: float
    seed: int
    tally: Tally
    faults: list[Fault]
    samples: list[Sample]
    before: Base
    after: Base
    status: dict[str, object]

    def gaps(self) -> list[float]:
        """For each fault, seconds for which a stream got nothing, beyond those for which the server was not ready."""
        return [self.tally.gap_over(fault.moment, fault.seconds) - fault.seconds for fault in self.faults]

    def complaints(self) -> list[str]:
        """What is not as it should be."""
        found = list(self.tally.wrong)
        if not self.tally.outcomes["complete"]:
            found.append("No answer was complete.")
        inside = {name: self.status[name] for name in ("admitted", "running", "waiting") if self.status[name]}
        if inside:
            found.append(f"Somebody is inside after all have gone: {inside}")
        if self.before.descriptors < self.after.descriptors:
            found.append(f"Descriptors: {self.after.descriptors}, and {self.before.descriptors} before it.")
        if self.before.processes != self.after.processes or self.before.cache != self.after.cache:
            found.append(f"Left: {self.after}, and there was {self.before}")
        if (grown := growth(self.samples)) > MOST_GROWTH:
            found.append(f"The front end's memory has grown by {grown:.0f} MiB.")
        found += [f"A gap of {gap:.1f} s beyond a restart." for gap in self.gaps() if gap > MOST_GAP_S]
        return found


async def soak(
    server: Process, kinds: tuple[Kind, ...], *, minutes: float, every: float, seed: int, seats: int
) -> Soak:
    """`every`: seconds between two faults of the engine, on average. Raises TimeoutError if it is not ready again."""
    tally, samples, over = Tally(), list[Sample](), asyncio.Event()
    faults = Faults(server, kinds, Random(seed), every)
    where = urlsplit(server.url)
    await warm(server, faults, kinds[0])
    before, began = await base(server), time.monotonic()
    clients = [
        Client(str(where.hostname), where.port or 80, Random(f"{seed} {number}"), tally)
        for number in range(int(LOAD * seats))
    ]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client.ask_until(over))
        tasks.create_task(watch(server, over, samples))
        tasks.create_task(faults.go_on(over))
        await asyncio.sleep(60 * minutes)
        over.set()
    await asyncio.sleep(IDLE_S)
    status = await server.status()
    return Soak(began, time.monotonic() - began, seed, tally, faults.told, samples, before, await base(server), status)


async def warm(server: Process, faults: Faults, kind: Kind) -> None:
    """What is made once, with the first request or the first restart, is no leak."""
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        await client.post("/v1/completions", json={"model": "demo", "prompt": "1", "max_tokens": 2})
    await faults.happen(kind)
