"""What happens to the engine in a soak."""

import asyncio
import signal
import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import psutil

from sluice.engine.vllm.processes import TITLE
from tests.process import Process

RECOVERY_S = 300.0
"""Seconds within which a server has to be ready again."""


Kind = Callable[[Process, Random], str]
"""Does something to a server, and says what."""


class Fault(NamedTuple):
    """One that has happened: when, on the clock of `time.monotonic`, and how many seconds the server was not ready."""

    name: str
    moment: float
    seconds: float


def kill_core(server: Process, random: Random) -> str:
    core(server).kill()
    return "SIGKILL of the engine core"


def hang_core(server: Process, random: Random) -> str:
    core(server).suspend()
    return "SIGSTOP of the engine core"


def kill_any(server: Process, random: Random) -> str:
    process = random.choice(engine(server))
    name = process.name()
    process.kill()
    return f"SIGKILL of {name}"


def kill_fake(server: Process, random: Random) -> str:
    server.send(signal.SIGUSR1)
    return "death of the fake engine"


REAL: tuple[Kind, ...] = (kill_core, kill_core, hang_core, kill_any)
FAKE: tuple[Kind, ...] = (kill_fake,)


def engine(server: Process) -> list[psutil.Process]:
    return [process for process in server.family() if process.name().startswith(TITLE)]


def core(server: Process) -> psutil.Process:
    return next(process for process in engine(server) if "EngineCore" in process.name())


class Faults:
    """They happen one after the other, `every` so many seconds on average. `told`: those that have."""

    def __init__(self, server: Process, kinds: tuple[Kind, ...], random: Random, every: float) -> None:
        self.server, self.kinds, self.random, self.every = server, kinds, random, every
        self.told = list[Fault]()

    async def go_on(self, over: asyncio.Event) -> None:
        """Until it is over. Raises TimeoutError if the server is not ready again."""
        while not over.is_set():
            try:
                await asyncio.wait_for(over.wait(), self.random.uniform(0.5, 1.5) * self.every)
            except TimeoutError:
                self.told.append(await self.happen(self.random.choice(self.kinds)))

    async def happen(self, fault: Kind) -> Fault:
        """One, until the server is ready again."""
        restarts = (await self.server.status())["engine_restarts"]
        moment, name = time.monotonic(), fault(self.server, self.random)
        await self.server.has(RECOVERY_S, engine_restarts=restarts + 1, phase="ready")
        return Fault(name, moment, time.monotonic() - moment)
