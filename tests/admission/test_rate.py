"""The bucket: never more than its capacity and what has been refilled meanwhile."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.admission.rate import Rate
from tests.admission.clock import Clock

SECONDS = st.floats(0, 200, allow_subnormal=False)
STEPS = st.lists(st.tuples(SECONDS, st.integers(0, 150)), max_size=60)


def taken(rate: Rate, amount: int) -> bool:
    """Take it if it is there."""
    if not rate.holds(amount):
        return False
    rate.take(amount)
    return True


def test_a_minutes_worth_at_once_and_then_as_it_refills() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    assert all(taken(rate, 1) for _ in range(60))
    assert not taken(rate, 1)
    assert (rate.remaining, rate.wait_for(1), rate.reset_after) == (0, 1, 60)
    clock.now += 1.5
    assert (rate.remaining, rate.wait_for(1), rate.wait_for(2)) == (1, 0, 0.5)
    assert not taken(rate, 2)
    assert taken(rate, 1)
    clock.now += 1000
    assert (rate.remaining, rate.reset_after) == (60, 0)


@given(st.integers(1, 120), STEPS)
def test_over_any_window_never_more_than_capacity_and_refill(per_minute: int, steps: list[tuple[float, int]]) -> None:
    clock = Clock(0)
    rate = Rate(per_minute, clock)
    times, amounts = [], []
    for pause, amount in steps:
        clock.now += pause
        times.append(clock.now)
        amounts.append(amount if taken(rate, amount) else 0)
    sums = [0, *accumulate(amounts)]
    for first in range(len(steps)):
        for last in range(first, len(steps)):
            refilled = (times[last] - times[first]) * per_minute / 60
            assert sums[last + 1] - sums[first] <= per_minute + refilled + 1e-3


@given(st.integers(1, 120), STEPS)
def test_take_is_all_or_nothing_and_refuses_only_what_is_not_there(
    per_minute: int, steps: list[tuple[float, int]]
) -> None:
    clock = Clock(0)
    rate = Rate(per_minute, clock)
    for pause, amount in steps:
        clock.now += pause
        before = rate.remaining
        took = taken(rate, amount)
        assert took == (amount <= before)
        assert rate.remaining == before - amount * took
        assert (rate.wait_for(amount) == 0) or amount > rate.remaining


@given(st.integers(1, 120), st.lists(st.tuples(SECONDS, st.integers(0, 150), st.integers(0, 150)), max_size=30))
def test_giving_back_never_fills_it_beyond_its_capacity(per_minute: int, steps: list[tuple[float, int, int]]) -> None:
    clock = Clock(0)
    rate = Rate(per_minute, clock)
    for pause, amount, back in steps:
        clock.now += pause
        taken(rate, amount)
        before = rate.remaining
        rate.give_back(back)
        assert min(per_minute, before + back) <= rate.remaining <= min(per_minute, before + back + 1)


@given(st.integers(1, 10**6), st.data())
def test_who_waits_as_long_as_told_gets_it(per_minute: int, data: st.DataObject) -> None:
    clock = Clock(data.draw(st.floats(0, 10**5)))
    rate = Rate(per_minute, clock)
    taken(rate, data.draw(st.integers(0, per_minute)))
    amount = data.draw(st.integers(1, per_minute))
    wait = rate.wait_for(amount)
    assert 0 <= wait <= 60
    clock.now += wait
    assert taken(rate, amount)


@pytest.mark.parametrize(("per_minute", "remaining", "in_a_second"), [(120, 30, 32), (20, 20, 20), (30, 30, 30)])
def test_another_size_keeps_the_level(per_minute: int, remaining: int, in_a_second: int) -> None:
    clock = Clock()
    rate = Rate(60, clock)
    assert taken(rate, 30)
    rate.resize(per_minute)
    assert rate.remaining == remaining
    clock.now += 1
    assert rate.remaining == in_a_second
