"""The life of what serves the model: starting → ready → draining → stopped, or failed. It knows no HTTP server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from sluice.admission import AdmissionController
from sluice.engine.base import Engine, Loading, ModelInfo
from sluice.errors import EngineFailed, RequestError, SettingsError, Unavailable
from sluice.settings import Traffic
from sluice.settings.section import Mistake

Phase = Literal["starting", "ready", "draining", "stopped", "failed"]
RETRY_AFTER_S = 5
"""What a client is told to wait while the server is not ready."""
LAST_BREATH_S = 5.0
"""What interrupted requests get to write their last event."""
NOT_RUN = (
    "The model is not being loaded: nobody runs the lifespan of this application. Who mounts it has to hand it on: "
    "FastAPI(lifespan=app.router.lifespan_context)."
)
DEATH_CHECK_S = 0.5
STALLED_AFTER_S = 30.0
"""Without a step, and with work to do, the engine makes no progress."""


class Lifecycle:
    """Knows the phase. `running` goes through all of them; `announce` gets a line for people at each step.

    `loaded` and `failed` tell of two phases; `hurry` cuts the drain short; `exit_code` is how the process should end.
    """

    def __init__(
        self, engine: Engine, controller: AdmissionController, announce: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.engine, self.controller, self.announce, self.clock = engine, controller, announce, clock
        self.phase: Phase = "starting"
        self.model: ModelInfo | None = None
        self.loading: Loading | None = None
        self.started_at: float | None = None
        self.largest_batch = 0
        self.exit_code = 0
        self.loaded, self.failed, self.hurry = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def require_ready(self) -> ModelInfo:
        """The loaded model. Raises Unavailable in every phase but `ready`."""
        if self.phase != "ready" or self.model is None:
            message = f"The server is {self.phase}." if self.started_at is not None else NOT_RUN
            raise Unavailable(message, code=self.phase, retry_after=RETRY_AFTER_S)
        return self.model

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        state: dict[str, Any] = {"phase": self.phase}
        if self.phase == "starting" and self.loading is not None and self.started_at is not None:
            seconds = round(self.clock() - self.started_at, 1)
            state["progress"] = {
                "stage": self.loading.stage, "step": self.loading.step, "steps": self.loading.steps, "seconds": seconds
            }  # fmt: skip
        stalled = self.stalled_for()
        if stalled > STALLED_AFTER_S:
            state["stalled_seconds"] = round(stalled, 1)
        return self.phase == "ready" and stalled <= STALLED_AFTER_S, state

    def stalled_for(self) -> float:
        """Seconds that the engine has had work and has not finished a step."""
        scheduler = self.controller.scheduler
        return self.clock() - max(self.engine.last_step(), scheduler.busy_since) if scheduler.running else 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the engine and watch it meanwhile; in the end drain, and leave nothing of it behind."""
        self.started_at = self.clock()
        living = asyncio.create_task(self.live())
        try:
            yield
            await self.drain()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await self.engine.stop()
            if self.phase != "failed":
                self.phase = "stopped"

    async def live(self) -> None:
        """Until it is cancelled, or the engine has failed."""
        try:
            await self.load()
            await self.death()
        except (EngineFailed, SettingsError) as error:
            self.phase = "failed"
            self.exit_code = 2 if isinstance(error, SettingsError) else 1
            self.announce(str(error))
            await self.interrupt(EngineFailed("The engine died.", code="engine_error"))
            self.failed.set()

    async def load(self) -> None:
        def report(loading: Loading) -> None:
            self.loading = loading
            self.announce(f"Loading {loading.step}/{loading.steps}: {loading.stage}")

        self.model = await self.engine.start(report)
        self.largest_batch = self.controller.traffic.concurrency or self.model.max_num_seqs
        self.controller.scheduler.resize(self.largest_batch)
        self.phase = "ready"
        self.loaded.set()
        self.announce(f"Ready after {self.clock() - (self.started_at or 0):.0f} s")

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
            await asyncio.sleep(DEATH_CHECK_S)
        raise EngineFailed("The engine died.")

    async def drain(self) -> None:
        """Refuse what comes, let what is inside finish, for `traffic.drain_timeout` seconds at most."""
        if self.phase == "failed":
            return
        if self.phase == "ready":
            self.announce("Draining: running requests finish, new ones are refused")
        self.phase = "draining"
        waits = [asyncio.create_task(event.wait()) for event in (self.controller.empty, self.hurry)]
        await asyncio.wait(waits, timeout=self.controller.traffic.drain_timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await self.interrupt(Unavailable("The server is shutting down.", code="draining", retry_after=RETRY_AFTER_S))

    async def interrupt(self, reason: RequestError) -> None:
        self.controller.interrupt_all(reason)
        with suppress(TimeoutError):  # a client that does not read: its connection is closed with the server
            await asyncio.wait_for(self.controller.empty.wait(), LAST_BREATH_S)
