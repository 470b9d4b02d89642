"""How much in a minute: a bucket that refills all the time."""

import math
from collections.abc import Callable

ROUNDING = 1e-6
"""What sums of floats may be off by; who waits for `wait_for` exactly, gets what they waited for."""


class Rate:
    """Holds a minute's worth, so that much may go at once. `clock` tells seconds.

    If only what it holds is taken, that is at most `per_minute` over any time, plus what has been refilled meanwhile.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.capacity = per_minute
        self.clock = clock
        self.filled = clock()
        self.level = float(per_minute)

    @property
    def remaining(self) -> int:
        """What could be taken now."""
        return max(0, math.floor(self.refill() + ROUNDING))

    @property
    def reset_after(self) -> float:
        """Seconds until the bucket is full."""
        return self.wait_for(self.capacity)

    def wait_for(self, amount: int) -> float:
        """Seconds until `amount` could be taken, if nobody else takes any."""
        return max(0.0, (amount - self.refill()) * 60 / self.capacity)

    def holds(self, amount: int) -> bool:
        return self.refill() + ROUNDING >= amount

    def take(self, amount: int) -> None:
        self.level -= amount

    def give_back(self, amount: int) -> None:
        self.level += amount  # whoever looks at it calls `refill`, which keeps it within the capacity

    def resize(self, per_minute: int) -> None:
        """Change the capacity and the speed of refilling; the level stays, if it is not too high."""
        self.level = min(self.refill(), per_minute)
        self.capacity = per_minute

    def refill(self) -> float:
        """Bring the level up to date."""
        now = self.clock()
        self.level = min(self.capacity, self.level + (now - self.filled) * self.capacity / 60)
        self.filled = now
        return self.level
