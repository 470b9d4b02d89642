"""When clients come."""

from collections.abc import Iterator
from random import Random


def poisson(rate: float, seconds: float, random: Random) -> Iterator[float]:
    """Moments between 0 and `seconds` of a Poisson process, `rate` a second on average: nobody waits for anybody."""
    moment = random.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += random.expovariate(rate)
