"""Until when: a limit for the whole life of a request, and one for each stage that it is in."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

Stage = Literal["queue_timeout", "first_token_timeout", "stall_timeout", "send_timeout"]
TimeLimit = Literal["timeout", Stage]

TICK = 0.01
"""Seconds: nobody need look more often, whatever limit a client gives itself."""


class Deadline:
    """Knows which limit ends next. `limits` in seconds; a stage without one has no end. `now`: the clock's."""

    def __init__(self, timeout: float, limits: Mapping[Stage, float | None], now: float) -> None:
        self.limits = {stage: seconds for stage, seconds in limits.items() if seconds is not None}
        self.end = now + timeout
        self.stage: Stage = "queue_timeout"
        self.entered, self.allowance = now, math.inf
        self.progress: Callable[[], float] | None = None

    def enter(self, stage: Stage, now: float, progress: Callable[[], float] | None = None) -> None:
        """The request is in this stage from `now` on. `progress` tells since when its limit counts, if not since then.

        It is asked, and not told, because there are many tokens for each look at a deadline.
        """
        self.stage, self.entered, self.progress = stage, now, progress
        self.allowance = self.limits.get(stage, math.inf)

    @property
    def stage_end(self) -> float:
        since = self.entered if self.progress is None else max(self.entered, self.progress())
        return since + self.allowance

    def over(self, now: float) -> TimeLimit | None:
        """The limit that has been reached, if any has."""
        if now >= self.end:
            return "timeout"
        return self.stage if now >= self.stage_end else None

    def look_again(self, now: float) -> float:
        """Seconds after which `over` is worth asking again, whatever stage comes meanwhile."""
        return max(TICK, min(self.end - now, self.stage_end - now, *self.limits.values()))
