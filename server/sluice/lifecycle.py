"""The life of what serves the model: starting → ready → draining → stopped, or failed. It knows no HTTP server.

An engine that dies or hangs is replaced meanwhile: ready → recovering → ready.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from sluice.admission import AdmissionController
from sluice.engine.base import Engine, Loading, ModelInfo
from sluice.engine.pulse import Pulse
from sluice.errors import EngineDied, EngineFailed, RequestError, SettingsError, Unavailable
from sluice.live.start import EngineStart
from sluice.settings import EngineSettings, Traffic
from sluice.settings.section import Mistake
from sluice.telemetry.snapshot import Phase, Progress
from sluice.telemetry.starts import Starts

RETRY_AFTER_S = 5
"""What a client is told to wait while the server is not ready."""
LAST_BREATH_S = 2.0
"""What interrupted requests get to write their last event."""
ENDING_S = 4.0
"""Of `traffic.drain_timeout`, what is left after the drain: connections close, and the engine's processes end."""
NOT_RUN = (
    "The model is not being loaded: nobody runs the lifespan of this application. Who mounts it has to hand it on: "
    "FastAPI(lifespan=app.router.lifespan_context)."
)
WATCH_S = 0.1
"""Between two looks at the engine."""
STOOD_STILL_S = 2.0
"""From one look at the engine to the next: this process has been kept from it."""
WINDOW_S = 600.0
"""Within which restarts of the engine are counted."""


class Lifecycle:
    """Knows the phase. `running` goes through all of them; `announce` gets a line for people at each step.

    `loaded` and `failed` tell of two phases, `recovered` of each recovery; `hurry` cuts the drain short; `exit_code` is
    how the process should end. `reason`: why it is in this phase, in a line, or what is wrong all the same. `is_over`:
    it has failed, or is drained. `changed` is called when any of that is another. `starts` keeps how long a start
    takes.
    """

    def __init__(
        self, engine: Engine, controller: AdmissionController, announce: Callable[[str], None], how: EngineSettings,
        clock: Callable[[], float] = time.monotonic, *, starts: Starts | None = None,
    ) -> None:  # fmt: skip
        self.start = EngineStart(clock, starts)
        self.engine, self.controller, self.announce, self.how, self.clock = engine, controller, announce, how, clock
        self.pulse, self.stall_timeout, self.is_stalled = Pulse(engine, clock), how.stall_timeout, False
        self.restarts: list[float] = []
        self.phase: Phase = "starting"
        self.reason: str | None = None
        self.is_over, self.cause = False, ""
        self.changed: Callable[[], None] = lambda: None
        self.model: ModelInfo | None = None
        self.started_at: float | None = None
        self.largest_batch = 0
        self.exit_code = self.restarts_total = 0
        self.loaded, self.recovered, self.failed, self.hurry = (asyncio.Event() for _ in range(4))

    def require_ready(self) -> ModelInfo:
        """The loaded model. Raises Unavailable in every phase but `ready`, and while the engine makes no progress."""
        if self.phase == "recovering":
            raise self.unavailable()
        model = self.require_loaded()
        if self.pulse.silence() > self.stall_timeout:
            raise Unavailable("The engine makes no progress.", code="stalled", retry_after=RETRY_AFTER_S)
        return model

    def require_loaded(self) -> ModelInfo:
        """The loaded model, for who has a seat and can wait until its engine is replaced. Raises Unavailable."""
        if self.phase not in ("ready", "recovering") or self.model is None:
            raise self.unavailable()
        return self.model

    def unavailable(self) -> Unavailable:
        message = f"The server is {self.phase}." if self.started_at is not None else NOT_RUN
        return Unavailable(message, code=self.phase, retry_after=self.patience())

    def patience(self) -> float:
        """Seconds after which it is worth while to ask again; the last start of the engine tells how long one takes."""
        if self.phase != "recovering":
            return RETRY_AFTER_S
        return max(RETRY_AFTER_S, self.start.took - self.start.seconds())

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        state: dict[str, Any] = {"phase": self.phase}
        if progress := self.progress():
            state["progress"] = msgspec.to_builtins(progress)
        silence = self.pulse.silence()
        if silence > self.stall_timeout:
            state["stalled_seconds"] = round(silence, 1)
        return self.phase == "ready" and silence <= self.stall_timeout, state

    def progress(self) -> Progress | None:
        """Of the start of the engine that is on its way."""
        return self.start.progress() if self.phase in ("starting", "recovering") else None

    def enter(self, phase: Phase, reason: str | None = None) -> None:
        self.phase, self.reason = phase, reason
        self.is_over = self.is_over or phase == "failed"
        self.changed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the engine and watch it meanwhile; in the end drain, and leave nothing of it behind."""
        self.started_at = self.clock()
        self.start.begin()
        living = asyncio.create_task(self.live())
        try:
            yield
            await self.drain()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            self.pulse.stop()
            await self.engine.stop()
            if self.phase != "failed":
                self.phase = "stopped"

    async def live(self) -> None:
        """Until it is cancelled, or the engine has failed."""
        try:
            await self.load()
            while True:
                await self.watch()
                await self.recover()
        except (EngineFailed, EngineDied, SettingsError) as error:
            self.exit_code = 2 if isinstance(error, SettingsError) else 1
            self.enter("failed", str(error))
            self.announce(str(error))
            await self.interrupt(EngineDied())
            self.failed.set()

    def report(self, loading: Loading) -> None:
        if self.start.enter(loading):
            self.announce(f"Loading {loading.step}/{len(loading.stages)}: {loading.stage}")
            self.changed()

    async def load(self) -> None:
        self.model = await self.engine.start(self.report)
        self.largest_batch = self.controller.traffic.concurrency or self.model.max_num_seqs
        self.controller.scheduler.resize(self.largest_batch)
        self.start.end()
        self.enter("ready")
        self.loaded.set()
        self.announce(f"Ready after {self.start.took:.0f} s")
        await self.start.keep()

    async def recover(self) -> None:
        """Start the engine again, while nothing runs and all keep their seats.

        Raises EngineDied if it is not to be started again, and EngineFailed if it has been too often.

        Each start that fails is waited after, for twice as long as after the one before.
        """
        began, pause = self.clock(), 1.0
        while True:
            self.count_restart()
            self.controller.scheduler.suspend()
            if self.phase == "ready":
                self.enter("recovering", self.cause)
            self.pulse.reset()
            try:
                await self.engine.recover(self.report)
                break
            except (EngineFailed, SettingsError) as error:  # the settings have served before, and memory comes free
                self.reason = f"{self.cause} Its last start failed: {error}"
                self.changed()
                self.announce(str(error))
                await asyncio.sleep(pause)
                pause *= 2
        self.start.end()
        if self.phase == "recovering":  # it may drain, and the streams inside go on all the same
            self.enter("ready")
        await self.controller.scheduler.go_on()
        self.recovered.set()
        self.announce(f"The engine has been started again: streams go on after {self.clock() - began:.0f} s")

    def count_restart(self) -> None:
        """Raises what `recover` raises."""
        now = self.clock()
        self.cause = "The engine hangs." if self.is_stalled else "The engine has died."
        self.restarts = [moment for moment in self.restarts if now - moment < WINDOW_S]
        if self.how.on_death == "exit":
            raise EngineDied
        if len(self.restarts) == self.how.restarts:
            raise EngineFailed(
                f"The engine died {len(self.restarts) + 1} times in {WINDOW_S / 60:g} minutes (engine.restarts)."
            )
        self.restarts.append(now)
        self.start.begin()
        self.restarts_total += 1
        self.announce(f"The engine {'hangs' if self.is_stalled else 'has died'}: it is started again")

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

    async def watch(self) -> None:
        """Look whether the engine makes progress, until its processes have ended by themselves.

        One that makes none is to be replaced, too, if it is to be replaced at all.
        """
        self.is_stalled, looked_at = False, self.clock()
        while not self.engine.is_dead():  # vLLM has no event for it
            if self.clock() - looked_at > STOOD_STILL_S:
                self.pulse.reset()  # what this process itself has missed is not the engine's fault
            looked_at = self.clock()
            await self.pulse.look(self.controller.scheduler.running > 0)
            stalled = self.pulse.silence() > self.stall_timeout
            if stalled != self.is_stalled:
                self.is_stalled = stalled
                if stalled and self.how.on_death == "recover":
                    return
                self.reason = "The engine makes no progress: requests are refused." if stalled else None
                self.changed()
                self.announce("The engine makes no progress: requests are refused" if stalled else "The engine goes on")
            await asyncio.sleep(WATCH_S)

    async def drain(self) -> None:
        """Refuse what comes, let what is inside finish, and interrupt what has not.

        Returns in time for the process to end within `traffic.drain_timeout`; one that has begun is not begun again.
        """
        if self.phase in ("failed", "draining"):
            return
        if self.phase == "ready":
            self.announce("Draining: running requests finish, new ones are refused")
        self.enter("draining", "Running requests finish, new ones are refused.")
        waits = [asyncio.create_task(event.wait()) for event in (self.controller.empty, self.hurry)]
        patience = max(0.0, self.controller.traffic.drain_timeout - LAST_BREATH_S - ENDING_S)
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await self.interrupt(Unavailable("The server is shutting down.", code="draining", retry_after=RETRY_AFTER_S))
        self.is_over = True
        self.changed()

    async def interrupt(self, reason: RequestError) -> None:
        self.controller.interrupt_all(reason)
        with suppress(TimeoutError):  # a client that does not read: its connection is closed with the server
            await asyncio.wait_for(self.controller.empty.wait(), LAST_BREATH_S)
