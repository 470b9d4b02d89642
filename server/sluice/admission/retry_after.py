"""When to come back: each client that is refused is given a time of its own, spread so that few meet a full house."""

import random
from collections.abc import Callable

SOONEST, LATEST, JITTER = 1.0, 30.0, 0.25
SPACING = 2.5
"""Freed seats for each appointment. Newcomers take seats, too: with one seat each, half of those who return would find
none. The queue keeps the batch full meanwhile."""


class RetryAfter:
    """Gives each client that is refused an appointment, in seconds from now."""

    def __init__(self, clock: Callable[[], float], random_source: random.Random) -> None:
        self.clock, self.random_source = clock, random_source
        self.last = clock()

    def seconds(self, waiting: int, rate: float | None) -> float:
        """Seconds until the client should try again: after those `waiting` have started, and those told before it.

        `rate`: seats that come free a second, None if not known.
        """
        if rate is None:
            return SOONEST
        now = self.clock()
        self.last = min(max(self.last, now + waiting / rate) + SPACING / rate, now + LATEST)
        jitter = self.random_source.uniform(1 - JITTER, 1 + JITTER)
        return min(max((self.last - now) * jitter, SOONEST), LATEST)
