"""Arrivals, and the figures of runs that are written down here."""

import math
from collections import Counter
from itertools import pairwise
from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.bench.arrivals import poisson
from sluice.bench.figures import Figures, herding, jain, percentile
from sluice.bench.record import Attempt, Outcome, Request, Run


def test_arrivals_are_poisson() -> None:
    moments = list(poisson(50, 4000, Random(7)))
    assert moments[0] > 0
    assert moments[-1] < 4000
    counted = Counter(map(int, moments))
    seconds = [counted[second] for second in range(4000)]
    assert fmean(seconds) == pytest.approx(50, rel=0.01)
    assert pvariance(seconds) == pytest.approx(50, rel=0.1)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert fmean(gap > 1 / 50 for gap in gaps) == pytest.approx(1 / math.e, abs=0.01)
    pairs = fmean((a - 1 / 50) * (b - 1 / 50) for a, b in pairwise(gaps))
    assert pairs * 50**2 == pytest.approx(0, abs=0.02), "a gap tells nothing of the next"


def test_herds_are_seen() -> None:
    moments = list(poisson(200, 100, Random(7)))
    assert herding(moments, 100) == pytest.approx(1, abs=0.15)
    assert (herding(map(math.floor, moments), 100) or 0) > 10
    assert herding([(number + 0.5) / 200 for number in range(20_000)], 100) == 0
    assert herding([], 100) is None


@pytest.mark.parametrize(
    ("shares", "index"), [([3, 3, 3], 1), ([6, 0, 0], 1 / 3), ([1, 3], 0.8), ([0, 0], None), ([1, 2, 3], 36 / 42)]
)
def test_jains_index(shares: list[float], index: float | None) -> None:
    assert jain(shares) == (None if index is None else pytest.approx(index))


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20))
def test_jains_index_lies_between_one_for_all_and_equality(shares: list[float]) -> None:
    index = jain(shares)
    assert index is not None
    assert 1 / len(shares) - 1e-9 <= index <= 1 + 1e-9


def test_percentiles_are_nearest_ranks() -> None:
    hundred = list(range(1, 101))
    assert [percentile(hundred, p) for p in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert [percentile([5.0], p) for p in (50, 99)] == [5, 5]
    assert [percentile([1.0, 2.0, 3.0], p) for p in (50, 95)] == [2, 3]


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-6


def attempt(due: float, outcome: Outcome = "finished", *token_times: float, took: float = 1.0) -> Attempt:
    status = {"finished": 200, "broken": 200, "refused": 429}.get(outcome, 0)
    tokens = 2 * len(token_times)
    return Attempt(due, due + 0.1, due + took, outcome, status, tokens, list(token_times))


def figures(*requests: list[Attempt], tenants: int = 1, probes: tuple[Attempt, ...] = ()) -> Figures:
    """Of a run that was measured from 10 to 20; the tenants take turns."""
    given = [Request(number % tenants, attempts) for number, attempts in enumerate(requests)]
    return Figures.of(Run(3.0, tenants, 8, 10, 20, given, list(probes), cpu=6.0))


def test_goodput_counts_tokens_that_came_in_time_of_answers_that_finished_ever() -> None:
    found = figures(
        [attempt(9, "finished", 9.5, 10.5)],
        [attempt(11, "finished", 12, 13)],
        [attempt(19, "finished", 19.5, 20, 20.5, 21)],
        [attempt(12, "broken", 13, 14)],
        [attempt(13, "cut_off", 14)],
        [attempt(14, "unfinished", 15)],
    )
    assert found.goodput == pytest.approx((2 + 4 + 2) / 10)
    assert found.finished_per_second == pytest.approx((0.5 + 1 + 0.25) / 10)
    assert found.outcomes == {"finished": 2, "broken": 1, "cut_off": 1, "unfinished": 1}
    assert found.generator_cpu == 0.5


def test_latencies_count_from_when_a_request_was_due() -> None:
    found = figures(
        *([attempt(10 + n / 100, "refused", took=n / 1000)] for n in range(1, 101)),
        [attempt(11, "finished", 11.5, 12, took=2)],
        probes=(Attempt(12, 12, 12.003, status=200), Attempt(13, 13, 14, status=503), Attempt(9, 9, 10, status=200)),
    )
    assert found.refused is not None
    assert found.probe is not None
    assert found.admitted is not None
    assert found.first_token is not None
    assert [found.refused.p50, found.refused.p95, found.refused.p99] == pytest.approx([0.05, 0.095, 0.099])
    assert (found.refused.count, found.admitted.count, found.probe.count, found.probes_failed) == (100, 1, 1, 1)
    assert (found.admitted.p99, found.first_token.p99) == (2, 0.5)
    assert found.probe.p99 == pytest.approx(0.003)


def test_retries_tell_who_was_let_in_later() -> None:
    refused = attempt(11, "refused")
    found = figures(
        [attempt(11)],
        [refused, attempt(13)],
        [refused, attempt(13, "refused"), attempt(15)],
        [refused, attempt(13, "refused"), attempt(15, "refused")],
        [attempt(16, "refused")],
    )
    assert (found.retries.attempts, found.retries.refused_first) == (5, 3)
    assert found.retries.let_in_later == pytest.approx(2 / 3)
    assert figures([attempt(11)]).retries.let_in_later is None


def test_fairness_is_over_the_tokens_of_tenants() -> None:
    even = figures([attempt(11, "finished", 12)], [attempt(12, "finished", 13)], tenants=2)
    assert even.jain == 1
    assert figures([attempt(11, "finished", 12)], [attempt(12, "refused")], tenants=2).jain == 0.5
    assert figures([attempt(11, "finished", 12)]).jain is None
