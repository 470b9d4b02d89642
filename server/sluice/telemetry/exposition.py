"""Prometheus' text format, at a price that does not depend on how often somebody asks for it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import Metric, generate_latest
from prometheus_client.registry import Collector

REST = 19
"""How many times the CPU seconds of one exposition the next one waits: a twentieth of the time goes into them."""


class Together(Collector):
    def __init__(self, collectors: Sequence[Collector]) -> None:
        self.collectors = collectors

    def collect(self) -> Iterable[Metric]:
        for collector in self.collectors:
            yield from collector.collect()


def exposition(collectors: Sequence[Collector]) -> bytes:
    return generate_latest(Together(collectors))


class Expositions:
    """Makes them one at a time, on a thread; `collectors` is called on the loop before."""

    def __init__(self, collectors: Callable[[], Sequence[Collector]]) -> None:
        self.collectors = collectors
        self.turn = asyncio.Lock()
        self.begun = self.last = 0
        self.text = b""
        self.cost_s = self.rests_until = 0.0

    async def latest(self) -> bytes:
        """One that was begun after it was asked for: who asks while one is being made shares the next."""
        loop, begun_before = asyncio.get_running_loop(), self.begun
        async with self.turn:
            if self.last <= begun_before:
                await asyncio.sleep(self.rests_until - loop.time())
                self.begun += 1
                number = self.begun
                try:
                    await asyncio.to_thread(self.make, self.collectors())
                finally:
                    self.rests_until = loop.time() + REST * self.cost_s
                self.last = number
            return self.text

    def make(self, collectors: Sequence[Collector]) -> None:
        began_at = time.thread_time()
        try:
            self.text = exposition(collectors)
        finally:
            self.cost_s = time.thread_time() - began_at
