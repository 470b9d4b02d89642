"""Until when: a limit for the whole life of a request, and one for each stage that it is in."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

Stage = Literal["queue_timeout", "first_token_timeout", "stall_timeout", "send_timeout"]
TimeLimit = Literal["timeout", Stage]
Standing = tuple[Stage | None, float]
"""The stage that a request is in, None while nobody's time runs; and since when its limit counts."""

TICK = 0.01
"""Seconds: nobody need look more often, whatever limit a client gives itself."""
LOOKS = 4
"""How often a limit is looked at within its time; what is seen at looks only is as old as the last one at most."""


class Deadline:
    """Knows which limit ends next. `limits` in seconds; a stage without one has no end. `now`: the clock's."""

    def __init__(self, timeout: float, limits: Mapping[Stage, float | None], now: float) -> None:
        self.limits = {stage: seconds for stage, seconds in limits.items() if seconds is not None}
        self.pace = min(self.limits.values(), default=math.inf) / LOOKS
        self.end = now + timeout
        self.standing: Callable[[], Standing] = lambda: (None, now)

    def enter(self, stage: Stage, now: float) -> None:
        """The request is in this stage from `now` on."""
        self.standing = lambda: (stage, now)

    def watch(self, standing: Callable[[], Standing]) -> None:
        """It has had its turn. `standing` is asked, and not told, because there are many tokens for each look."""
        self.standing = standing
        later = [seconds for stage, seconds in self.limits.items() if stage != "queue_timeout"]
        self.pace = min(later, default=math.inf) / LOOKS

    def next_end(self) -> tuple[float, TimeLimit]:
        """When a limit will be reached, and which, if things stay as they are."""
        stage, since = self.standing()
        if stage is None:
            return self.end, "timeout"
        return min((self.end, "timeout"), (since + self.limits.get(stage, math.inf), stage))

    def over(self, now: float) -> TimeLimit | None:
        """The limit that has been reached, if any has."""
        end, limit = self.next_end()
        return limit if now >= end else None

    def look_again(self, now: float) -> float:
        """Seconds after which `over` is worth asking again, whatever stage comes meanwhile."""
        return max(TICK, min(self.next_end()[0] - now, self.pace))


class Reading:
    """Whether a client reads: whatever it has taken since the last look begins its time anew.

    `taken` tells how many bytes it has taken.
    """

    def __init__(self, taken: Callable[[], int], clock: Callable[[], float]) -> None:
        self.taken, self.clock = taken, clock
        self.before: int | None = None
        self.since = clock()

    def standing(self) -> Standing:
        taken = self.taken()
        if self.before is not None and taken != self.before:
            self.since = self.clock()
        self.before = taken
        return "send_timeout", self.since
