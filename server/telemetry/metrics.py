"""Prometheus metrics of the front end, read from the same status that `/status` shows."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

GAUGES = {
    "admitted": "Sequences inside: running and waiting.",
    "running": "Sequences that the engine has been given and has not finished.",
    "waiting": "Sequences that wait for a place in the batch.",
    "peak_admitted": "Most sequences that were inside at once.",
    "peak_running": "Most sequences that ran at once.",
    "concurrency": "Sequences that may run at once (traffic.concurrency).",
    "max_concurrency": "Sequences that may be inside (traffic.max_concurrency).",
}


class StatusCollector(Collector):
    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self.status = status

    def collect(self) -> Iterable[Metric]:
        status = self.status()
        for name, help_text in GAUGES.items():
            if status[name] is not None:
                yield GaugeMetricFamily(f"sluice_{name}", help_text, value=status[name])
        phase = GaugeMetricFamily("sluice_phase", "1 for the phase that the server is in.", labels=["phase"])
        phase.add_metric([status["phase"]], 1)
        yield phase
        rejected = CounterMetricFamily("sluice_rejected", "Refused seats, by reason.", labels=["reason"])
        for reason, count in status["rejected"].items():
            rejected.add_metric([reason], count)
        yield rejected
        finished = CounterMetricFamily("sluice_finished", "Sequences that left, by outcome.", labels=["outcome"])
        for outcome, count in status["finished"].items():
            finished.add_metric([outcome], count)
        yield finished


def exposition(status: Callable[[], dict[str, Any]]) -> bytes:
    """Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status))
    return generate_latest(registry)
