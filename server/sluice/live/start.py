"""How far a start of the engine has come, and how long it may still take."""

import asyncio
from collections.abc import Callable

from sluice.engine.base import Loading
from sluice.telemetry.snapshot import Progress
from sluice.telemetry.starts import Start, Starts


class EngineStart:
    """The present one, or the last. `starts` keeps how long they take. `took`: seconds of the last that succeeded."""

    def __init__(self, clock: Callable[[], float], starts: Starts | None) -> None:
        self.clock, self.starts = clock, starts
        self.last = None if starts is None else starts.last()
        self.took = 0.0
        self.begin()

    def begin(self) -> None:
        self.began = self.clock()
        self.loading: Loading | None = None
        self.stages: list[float] = []

    def seconds(self) -> float:
        """Since it began."""
        return self.clock() - self.began

    def enter(self, loading: Loading) -> bool:
        """It has come so far. Returns whether a stage begins with it."""
        is_next, self.loading = self.loading is None or self.loading.step != loading.step, loading
        missing = loading.step - len(self.stages)  # one that took no time may not have been told
        self.stages += [self.seconds()] * missing
        return is_next

    def end(self) -> None:
        self.took, self.loading = self.seconds(), None

    async def keep(self) -> None:
        """For the next one to tell."""
        if self.starts is not None:
            self.last = Start(self.took, self.stages)
            await asyncio.to_thread(self.starts.keep, self.last)

    def progress(self) -> Progress | None:
        """None before the engine has told of anything, and when it has started."""
        now, last, part = self.loading, self.last, None
        if now is None:
            return None
        if last is not None and len(last.stages) == len(now.stages):
            part = round(last.stages[now.step - 1] / last.seconds, 3)
        return Progress(
            now.stage, now.step, len(now.stages), round(self.seconds(), 1), list(now.stages), part=now.part,
            expected_seconds=None if last is None else round(last.seconds, 1), expected_part=part,
        )  # fmt: skip
