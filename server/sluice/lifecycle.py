"""The server's life: starting → ready → draining → stopped, or failed."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import uvicorn

from sluice.admission import AdmissionController
from sluice.engine.base import Engine, Loading, ModelInfo
from sluice.errors import EngineFailed, RequestError, Unavailable
from sluice.settings import Traffic
from sluice.settings.section import Mistake

Phase = Literal["starting", "ready", "draining", "stopped", "failed"]
RETRY_AFTER = 5
"""Seconds that a client is told to wait while the server is not ready."""
LAST_BREATH = 5.0
"""Seconds that interrupted requests get to write their last event."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would close the connections before the drain is over."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Lifecycle:
    """Knows the phase. `run` goes through all of them; `announce` gets a line for people at each step."""

    def __init__(
        self,
        engine: Engine,
        controller: AdmissionController,
        stalled_after: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine, self.controller = engine, controller
        self.stalled_after, self.clock = stalled_after, clock
        self.phase: Phase = "starting"
        self.model: ModelInfo | None = None
        self.loading: Loading | None = None
        self.started_at = clock()
        self.largest_batch = 0
        self.loaded = asyncio.Event()
        self.stop_asked = asyncio.Event()
        self.hurry_asked = asyncio.Event()

    def require_ready(self) -> ModelInfo:
        """The loaded model. Raises Unavailable in every phase but `ready`."""
        if self.phase != "ready" or self.model is None:
            raise Unavailable(f"The server is {self.phase}.", code=self.phase, retry_after=RETRY_AFTER)
        return self.model

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        state: dict[str, Any] = {"phase": self.phase}
        if self.phase == "starting" and self.loading is not None:
            seconds = round(self.clock() - self.started_at, 1)
            state["progress"] = {
                "stage": self.loading.stage, "step": self.loading.step, "steps": self.loading.steps, "seconds": seconds
            }  # fmt: skip
        stalled = self.stalled_for()
        if stalled > self.stalled_after:
            state["stalled_seconds"] = round(stalled, 1)
        return self.phase == "ready" and stalled <= self.stalled_after, state

    def stalled_for(self) -> float:
        """Seconds that the engine has had work and has not finished a step."""
        if self.controller.queue.running == 0:
            return 0.0
        return self.clock() - max(self.engine.last_step(), self.controller.queue.busy_since)

    def ask_to_stop(self) -> None:
        """First call: drain. Second call: interrupt what runs."""
        (self.hurry_asked if self.stop_asked.is_set() else self.stop_asked).set()

    async def run(self, server: uvicorn.Server, listener: socket.socket, announce: Callable[[str], None]) -> int:
        """Serve until a signal or a failure; returns the exit code. Nothing of the engine is left behind."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await self.until_stopped(self.load(announce))
            if self.phase != "ready":  # stopped while it was loading
                return 0
            announce(f"Ready after {self.clock() - self.started_at:.0f} s")
            await self.until_stopped(self.death())
            announce("Draining: running requests finish, new ones are refused")
            await self.drain()
            return 0
        except EngineFailed as error:
            self.phase = "failed"
            announce(str(error))
            await self.interrupt(EngineFailed("The engine died.", code="engine_error"))
            return 1
        finally:
            if self.phase != "failed":
                self.phase = "draining"
            await self.engine.stop()
            server.should_exit = True
            await serving
            if self.phase != "failed":
                self.phase = "stopped"

    async def until_stopped(self, work: Any) -> None:
        """Await `work`, but not longer than until a stop is asked for."""
        task, stop = asyncio.ensure_future(work), asyncio.create_task(self.stop_asked.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for pending in (task, stop):
                pending.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def load(self, announce: Callable[[str], None]) -> None:
        def report(loading: Loading) -> None:
            self.loading = loading
            announce(f"Loading {loading.step}/{loading.steps}: {loading.stage}")

        self.model = await self.engine.start(report)
        self.largest_batch = self.controller.traffic.concurrency or self.model.max_num_seqs
        self.controller.queue.resize(self.largest_batch)
        self.phase = "ready"
        self.loaded.set()

    def batch(self, traffic: Traffic) -> int:
        """How many these limits let run. Raises Mistake for more than the engine was started with."""
        wanted = traffic.concurrency or self.largest_batch
        if wanted > self.largest_batch:
            raise Mistake(
                f"{wanted} is more than the {self.largest_batch} that the engine was started with",
                "traffic",
                "concurrency",
            )
        return wanted

    async def death(self) -> None:
        """Raises EngineFailed when the engine's processes have ended by themselves."""
        while not self.engine.is_dead():  # noqa: ASYNC110 - vLLM has no event for it
            await asyncio.sleep(0.5)
        raise EngineFailed("The engine died.")

    async def drain(self) -> None:
        """Refuse what comes, let what is inside finish, for `traffic.drain_timeout` seconds at most."""
        self.phase = "draining"
        waits = [asyncio.create_task(event.wait()) for event in (self.controller.empty, self.hurry_asked)]
        await asyncio.wait(waits, timeout=self.controller.traffic.drain_timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await self.interrupt(Unavailable("The server is shutting down.", code="draining", retry_after=RETRY_AFTER))

    async def interrupt(self, reason: RequestError) -> None:
        self.controller.interrupt_all(reason)
        with suppress(TimeoutError):  # a client that does not read: its connection is closed with the server
            await asyncio.wait_for(self.controller.empty.wait(), LAST_BREATH)
