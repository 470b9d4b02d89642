"""From what happened in a run to its figures. All times are in seconds."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, pvariance
from typing import Self

from sluice.bench.record import Attempt, Outcome, Run

BIN = 0.1
"""Seconds over which arrivals are counted, to see whether they come in herds."""


@dataclass(frozen=True)
class Latency:
    count: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self | None:
        """None if there is nothing to tell."""
        ordered = sorted(seconds)
        return cls(len(ordered), *(percentile(ordered, p) for p in (50, 95, 99))) if ordered else None


@dataclass(frozen=True)
class Retries:
    attempts: int
    """How many attempts were not the first."""
    refused_first: int
    """Clients of the first half of the run whose first attempt was refused; the second half is for trying again."""
    let_in_later: float | None
    """The part of them that a retry got in; one that ran out of retries, or of the run, did not."""
    herding: float | None
    """Variance over mean of all attempts counted in bins of 0.1 s: 1 is Poisson, a herd is far above."""


@dataclass(frozen=True)
class Figures:
    """Of the attempts that were due while it was measured; goodput is in tokens a second."""

    rate: float
    offered: float
    """Attempts a second that were made, retries among them."""
    seconds: float
    goodput: float
    finished_per_second: float
    outcomes: dict[Outcome, int]
    first_token: Latency | None
    inter_token: Latency | None
    """From one event with tokens to the next."""
    admitted: Latency | None
    refused: Latency | None
    probe: Latency | None
    probes_failed: int
    retries: Retries
    jain: float | None
    generator_lag: Latency | None
    """How much later than due the generator began. Where it is not small, the generator was overloaded itself."""
    generator_cpu: float
    """CPU seconds of the generator a second."""

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    @classmethod
    def of(cls, run: Run) -> Self:
        seconds = run.until - run.since
        attempts = [a for r in run.requests for a in r.attempts if run.since <= a.due < run.until]
        finished = [a for a in attempts if a.outcome == "finished"]
        probes = [a for a in run.probes if run.since <= a.due < run.until]
        answered = [a for a in probes if a.status == 200]
        served = [0.0] * run.tenants
        whole = 0.0
        for request in run.requests:
            for attempt in request.attempts:
                share = share_within(run, attempt)
                whole += share
                served[request.tenant] += share * attempt.tokens
        return cls(
            rate=run.rate,
            offered=len(attempts) / seconds,
            seconds=seconds,
            goodput=sum(served) / seconds,
            finished_per_second=whole / seconds,
            outcomes=dict(Counter(a.outcome for a in attempts)),
            first_token=Latency.of(a.token_times[0] - a.due for a in finished if a.token_times),
            inter_token=Latency.of(gap for a in finished for gap in gaps(a.token_times)),
            admitted=Latency.of(latencies(finished)),
            refused=Latency.of(latencies(a for a in attempts if a.outcome == "refused")),
            probe=Latency.of(latencies(answered)),
            probes_failed=len(probes) - len(answered),
            retries=retries(run, attempts),
            jain=jain(served) if run.tenants > 1 else None,
            generator_lag=Latency.of(a.started - a.due for a in attempts),
            generator_cpu=run.cpu / (run.until - run.began),
        )


def gaps(moments: Sequence[float]) -> Iterable[float]:
    return (later - earlier for earlier, later in pairwise(moments))


def latencies(attempts: Iterable[Attempt]) -> Iterable[float]:
    return (attempt.ended - attempt.due for attempt in attempts)


def share_within(run: Run, attempt: Attempt) -> float:
    """The part of a finished answer that came while it was measured; nothing of what did not finish."""
    if attempt.outcome != "finished" or not attempt.token_times:
        return 0.0
    return sum(run.since <= moment < run.until for moment in attempt.token_times) / len(attempt.token_times)


def retries(run: Run, attempts: Sequence[Attempt]) -> Retries:
    half = (run.since + run.until) / 2
    refused_first = [
        request.attempts
        for request in run.requests
        if run.since <= request.attempts[0].due < half and request.attempts[0].outcome == "refused"
    ]
    return Retries(
        attempts=sum(len(request.attempts) - 1 for request in run.requests),
        refused_first=len(refused_first),
        let_in_later=fmean(tried[-1].status == 200 for tried in refused_first) if refused_first else None,
        herding=herding([attempt.due - run.since for attempt in attempts], run.until - run.since),
    )


def herding(moments: Iterable[float], seconds: float) -> float | None:
    """`moments` count from 0; None where less than two whole bins or no arrival make no figure."""
    bins = [0] * int(seconds / BIN)
    for moment in moments:
        if moment < len(bins) * BIN:
            bins[min(int(moment / BIN), len(bins) - 1)] += 1
    return pvariance(bins) / fmean(bins) if len(bins) > 1 and any(bins) else None


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank: the smallest value that so many percent do not exceed."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def jain(shares: Sequence[float]) -> float | None:
    """Jain's fairness index: 1 where all have the same, 1/n where one has all; None where nobody has anything."""
    squares = sum(share**2 for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else None
