"""A histogram that is cheap to feed: a bisection and two additions, on one thread."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

FINE = 1.15
"""The most that a bucket's end is of its beginning: what a quantile may be off by."""


class Histogram:
    """`bounds`: the upper ends of the buckets that Prometheus is told, rising, in seconds.

    Its own are finer, for the quantiles: `ends`, of which `counts` has one more.
    """

    def __init__(self, name: str, documentation: str, bounds: tuple[float, ...]) -> None:
        self.name, self.documentation, self.bounds = f"sluice_{name}_seconds", documentation, bounds
        self.ends = tuple(finer(bounds))
        self.counts = [0] * (len(self.ends) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.ends, seconds)] += 1
        self.sum += seconds

    def quantile(self, counts: Sequence[int], part: float) -> float | None:
        """Seconds that `part` of the observations did not take, of those in buckets such as its own; None if there are
        none.

        Within a bucket they are taken to lie evenly; those beyond the last end are told as that.
        """
        rank, below = part * sum(counts), 0
        for count, start, end in zip(counts, (0.0, *self.ends), (*self.ends, self.ends[-1]), strict=True):
            if count and below + count >= rank:
                return start + (end - start) * (rank - below) / count
            below += count
        return None

    def family(self) -> HistogramMetricFamily:
        totals = list(map(float, accumulate(self.counts)))
        ends = [*map(floatToGoString, self.bounds), "+Inf"]
        buckets = list(zip(ends, [*(totals[self.ends.index(bound)] for bound in self.bounds), totals[-1]], strict=True))
        return HistogramMetricFamily(self.name, self.documentation, buckets=buckets, sum_value=self.sum)


def finer(bounds: Sequence[float]) -> Iterator[float]:
    """These, and between them others, so that none is more than FINE times the one before it."""
    yield bounds[0]
    for start, end in pairwise(bounds):
        steps = math.ceil(math.log(end / start) / math.log(FINE))
        yield from (start * (end / start) ** (step / steps) for step in range(1, steps))
        yield end
