"""One of the servers that are compared, as its clients see it."""

import asyncio
import time
from collections.abc import Callable
from random import Random

from sluice.bench.client import Client
from sluice.bench.connection import Pool
from sluice.bench.frontend.figures import Figures
from sluice.bench.frontend.plan import Answers, Plan
from sluice.bench.frontend.process import Process
from sluice.bench.frontend.usage import Usage, memory
from sluice.bench.greeting import Subject, complaint
from sluice.bench.load import RAMP, Load
from sluice.bench.record import Attempt
from sluice.bench.target import Target
from sluice.errors import BenchFailed

HEALTH = "/health"
STARTING, TIMEOUT = 600.0, 120.0
"""Seconds that a server gets to load its model, and that one answer may take."""


class Server:
    def __init__(self, process: Process, plan: Plan, stop: asyncio.Event) -> None:
        self.process, self.plan, self.stop = process, plan, stop
        self.name, self.url = process.contender.name, process.contender.url
        self.target = Target(self.url)
        self.pool = Pool(self.target.host, self.target.port, self.target.tls, time.perf_counter)
        self.client = Client(self.pool, TIMEOUT, time.perf_counter, Random(1))

    async def ready(self, say: Callable[[str], object]) -> None:
        """Wait until it is healthy, or it is stopped, and ask once. Raises BenchFailed."""
        began = time.monotonic()
        while not self.stop.is_set():
            self.process.check()
            waited = time.monotonic() - began
            if waited > STARTING:
                raise BenchFailed(f"{self.name} was not healthy within {STARTING:g} s ({self.process.log})")
            say(f"starting {self.name}: {waited:.0f} s")
            attempt = Attempt(time.perf_counter())
            await self.client.attempt(attempt, self.target.get(HEALTH))
            if attempt.status == 200:
                return await self.greet()
            await asyncio.sleep(0.2)
        return None

    async def greet(self) -> None:
        """Ask once for each kind of answer: it may be refused, or not fit."""
        for answers in self.plan.loads:
            attempt = Attempt(time.perf_counter())
            answer = await self.client.attempt(attempt, self.message(answers))
            if (attempt.outcome, attempt.tokens) != ("finished", answers.tokens):
                got = complaint(answer) if attempt.status != 200 else f"{attempt.outcome} after {attempt.tokens}"
                raise BenchFailed(f"{self.name} was asked for {answers}: {got}")

    def message(self, answers: Answers) -> bytes:
        return self.target.post(self.plan.path, self.plan.body(answers))

    async def measure(self, answers: Answers, seconds: float) -> Figures | None:
        """Under load: `conns` clients, each of which gets such answers. None: stopped."""
        body = self.plan.body(answers)
        subject = Subject(self.url, self.plan.model, HEALTH, self.target.get(HEALTH), [self.message(answers)], body)
        load = Load(self.client, subject, 0, self.stop, random=Random(1), clock=time.perf_counter)
        loading = asyncio.create_task(load.closed(self.plan.conns, seconds))
        await asyncio.wait({loading}, timeout=RAMP * seconds)
        since, before = time.perf_counter(), Usage.of(self.process.pid)
        await asyncio.wait({loading}, timeout=(1 - RAMP) * seconds)
        until, after = time.perf_counter(), Usage.of(self.process.pid)
        run = await loading
        if self.stop.is_set():
            return None
        self.process.check()
        run.since, run.until = since, until  # the tokens of the very time whose CPU was read
        figures = Figures.of(run, answers.tokens, after.since(before), memory(self.process.pid))
        if figures is None:
            raise BenchFailed(f"{self.name}: no answer of {answers} was whole within {seconds:g} s")
        return figures

    def close(self) -> None:
        self.pool.close()
