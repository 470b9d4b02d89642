"""Metrics cost the same however often somebody asks, and tell what was so when they were asked for."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sluice.telemetry.exposition import REST, Expositions


class Counted(Collector):
    """Takes its time on the CPU; `value` is what it is when it is made, `failure` what it raises."""

    def __init__(self, value: float, seconds: float, failure: str | None) -> None:
        self.value, self.seconds, self.failure = value, seconds, failure

    def collect(self) -> Iterable[Metric]:
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        if self.failure is not None:
            raise RuntimeError(self.failure)
        yield GaugeMetricFamily("value", "of now", value=self.value)


class Source:
    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.value, self.asked = seconds, 0.0, 0
        self.is_asked = asyncio.Event()
        self.failure: str | None = None

    def collectors(self) -> Sequence[Collector]:
        self.asked += 1
        self.is_asked.set()
        return [Counted(self.value, self.seconds, self.failure)]


def value(text: bytes) -> float:
    return float(text.split()[-1])


async def test_who_asks_while_one_is_made_shares_the_next_and_gets_nothing_old() -> None:
    source = Source(seconds=0.05)
    expositions = Expositions(source.collectors)
    first = asyncio.create_task(expositions.latest())
    await source.is_asked.wait()
    source.value = 7
    others = await asyncio.gather(*(expositions.latest() for _ in range(100)))
    assert (value(await first), set(map(value, others)), source.asked) == (0, {7}, 2)
    source.value = 8
    assert value(await expositions.latest()) == 8


async def test_whoever_asks_without_a_pause_gets_a_twentieth_of_the_time() -> None:
    source, seconds = Source(seconds=0.01), 1.0
    expositions = Expositions(source.collectors)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await expositions.latest()
    assert source.asked <= 1 + seconds / (source.seconds * REST) + 1


async def test_one_that_fails_or_is_given_up_is_nobody_elses_trouble() -> None:
    source = Source(seconds=0.01)
    expositions = Expositions(source.collectors)
    source.failure = "on purpose"
    with pytest.raises(RuntimeError, match="on purpose"):
        await expositions.latest()
    source.failure = None
    waiting = [asyncio.create_task(expositions.latest()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert value(await waiting[2]) == 0
