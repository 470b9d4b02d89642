"""A Point tells of its second, and the history of 15 minutes of them."""

import msgspec
import pytest

from sluice.telemetry.snapshot import HISTORY_POINTS, Point
from tests.live.made import Made


async def test_tokens_are_those_of_the_second_however_a_sequence_ends() -> None:
    made = Made(concurrency=4)
    first, second = made.run(5), made.run(7, prompt_tokens=20)
    made.second()
    first.charge(3)
    made.scheduler.leave(first)
    second.charge(1)
    made.second()
    made.scheduler.leave(second)
    made.second()
    assert [(point.tokens, point.prompt_tokens) for point in made.sampler.points] == [(12, 30), (4, 0), (0, 0)]
    assert made.statuses.now().generated_tokens == 16


async def test_who_waits_is_told_by_class_and_who_is_paused() -> None:
    made = Made(concurrency=1)
    made.run(1)
    made.scheduler.join(made.tenants.accounts["anonymous"].spec("batch", 1), lambda entry: None)
    made.scheduler.join(made.tenants.accounts["anonymous"].spec("interactive", 1), lambda entry: None)
    made.clock.now += 2
    made.second()
    point = made.sampler.points[-1]
    assert (point.running, point.waiting_interactive, point.waiting_batch, point.paused) == (1, 1, 1, 0)
    assert (point.concurrency, point.max_concurrency, point.oldest_wait) == (1, None, 3.0)


async def test_refusals_and_ends_are_counted_in_their_second() -> None:
    made = Made()
    made.controller.rejected["max_concurrency"] += 3
    made.second()
    made.controller.finished["aborted"] += 2
    made.second()
    made.second()
    points = made.sampler.points
    assert [point.rejected for point in points] == [{"max_concurrency": 3}, {}, {}]
    assert [point.finished for point in points] == [{}, {"aborted": 2}, {}]


async def test_latencies_are_those_of_ten_seconds() -> None:
    made = Made()
    for _ in range(100):
        made.latencies.inter_token.observe(0.05)
    made.second()
    for _ in range(10):
        made.latencies.inter_token.observe(0.4)
        made.second()
    first, *_, last = made.sampler.points
    assert first.inter_token_p50 == pytest.approx(0.05, rel=0.15)
    assert last.inter_token_p50 == pytest.approx(0.4, rel=0.15)  # the first hundred are too long ago
    assert first.first_token_p99 is None
    for _ in range(10):
        made.second()
    assert made.sampler.points[-1].inter_token_p99 is None


async def test_the_history_is_bounded_and_has_a_column_for_each_field() -> None:
    made = Made()
    assert made.sampler.history().columns == {name: [] for name in Point.__struct_fields__}
    for _ in range(HISTORY_POINTS + 10):
        made.second()
    columns = made.sampler.history().columns
    assert {len(column) for column in columns.values()} == {HISTORY_POINTS}
    assert columns["at"] == [made.clock.now - HISTORY_POINTS + 1 + number for number in range(HISTORY_POINTS)]
    last = {name: column[-1] for name, column in columns.items()}
    assert last == msgspec.structs.asdict(made.sampler.points[-1])


async def test_a_kv_cache_with_nothing_to_do_is_empty() -> None:
    made = Made()
    made.second()
    assert made.sampler.points[-1].kv_cache_usage == 0.0
