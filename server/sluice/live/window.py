"""The last seconds of a histogram that only grows."""

from collections import deque
from operator import sub

from sluice.telemetry.histogram import Histogram


class Window:
    """Its last `moves`: `move` is to be called at even intervals."""

    def __init__(self, histogram: Histogram, moves: int) -> None:
        self.histogram = histogram
        self.before = deque([histogram.counts.copy()], maxlen=moves)

    def move(self) -> tuple[float | None, float | None]:
        """p50 and p99 of what it has come to hold, in seconds; None where that is nothing."""
        counts = self.histogram.counts.copy()
        new = list(map(sub, counts, self.before[0]))
        self.before.append(counts)
        return self.histogram.quantile(new, 0.5), self.histogram.quantile(new, 0.99)
