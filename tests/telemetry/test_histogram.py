"""A histogram tells Prometheus of its own buckets, and quantiles of finer ones."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.telemetry.histogram import FINE, Histogram
from sluice.telemetry.latencies import GAPS, WAITS


def seen(values: list[float]) -> Histogram:
    histogram = Histogram("seen", "Seconds.", WAITS)
    for value in values:
        histogram.observe(value)
    return histogram


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
def test_a_quantile_is_as_near_as_the_finest_bucket(part: float) -> None:
    numbers = random.Random(1)
    values = sorted(numbers.lognormvariate(-3, 1) for _ in range(5000))
    histogram = seen(values)
    true = values[round(part * len(values)) - 1]
    assert histogram.quantile(histogram.counts, part) == pytest.approx(true, rel=FINE - 1)


@given(st.lists(st.floats(min_value=0, max_value=2000), min_size=1, max_size=50), st.floats(min_value=0, max_value=1))
def test_a_quantile_lies_among_the_buckets_of_what_was_seen(values: list[float], part: float) -> None:
    histogram = seen(values)
    found = histogram.quantile(histogram.counts, part)
    assert found is not None
    assert 0 <= found <= WAITS[-1]
    assert found <= max(WAITS[0], max(values) * FINE)


def test_of_nothing_there_is_none() -> None:
    histogram = seen([])
    assert histogram.quantile(histogram.counts, 0.5) is None


def test_prometheus_is_told_of_the_buckets_that_it_was_always_told_of() -> None:
    values = [0.0005, 0.001, 0.02, 0.3, 0.3, 7, 1000]
    (family,) = [seen(values).family()]
    told = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert [float(bound) for bound in told] == [*WAITS, float("inf")]
    assert all(told[name] == sum(value <= float(name) for value in values) for name in told)


@pytest.mark.parametrize("bounds", [WAITS, GAPS])
def test_no_bucket_is_wider_than_that(bounds: tuple[float, ...]) -> None:
    ends = Histogram("x", "y", bounds).ends
    assert set(bounds) <= set(ends)
    assert all(1 < end / start <= FINE * 1.0001 for start, end in pairwise(ends))
