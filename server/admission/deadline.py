"""Until when: a limit for the whole life of a request, and one for each stage that it is in."""

import math
from collections.abc import Mapping
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
        self.allowance = self.stage_end = math.inf

    def enter(self, stage: Stage, now: float) -> None:
        """The request is in this stage from `now` on."""
        self.stage = stage
        self.allowance = self.limits.get(stage, math.inf)
        self.stage_end = now + self.allowance

    def over(self, now: float) -> TimeLimit | None:
        """The limit that has been reached, if any has."""
        if now >= self.end:
            return "timeout"
        return self.stage if now >= self.stage_end else None

    def look_again(self, now: float) -> float:
        """Seconds after which `over` is worth asking again, whatever stage comes meanwhile."""
        return max(TICK, min(self.end - now, self.stage_end - now, *self.limits.values()))
