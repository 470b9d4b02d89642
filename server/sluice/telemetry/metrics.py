"""Prometheus metrics of the front end: what `/status` shows, who waits, and how long things take."""

from collections.abc import Iterable, Mapping
from typing import get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sluice.settings import RequestClass
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.snapshot import Status

GAUGES = {
    "waiting_tokens": "Prompt tokens inside that the engine has not begun to answer.",
    "oldest_wait_seconds": "How long the sequence has waited that has waited longest.",
    "peak_admitted": "Most sequences that were inside at once.",
    "peak_running": "Most sequences that ran at once.",
    "concurrency": "Sequences that may run at once (traffic.concurrency).",
    "max_concurrency": "Sequences that may be inside (traffic.max_concurrency).",
    "max_waiting_tokens": "Prompt tokens that may wait (traffic.max_waiting_tokens).",
}
COUNTERS = {
    "rejected": ("reason", "Requests that were refused, by reason."),
    "would_reject": ("reason", "Requests that would have been refused, were traffic.enforce true."),
    "finished": ("outcome", "Sequences that left, by outcome."),
    "expired": ("limit", "Sequences that ran out of time, by the limit."),
}


Counts = Mapping[tuple[str, str], int]
"""By class and tenant."""


class FrontEndCollector(Collector):
    """Nothing of the `status` changes any more, so that any thread may collect it."""

    def __init__(self, status: Status, running: Counts, waiting: Counts, latencies: Latencies) -> None:
        self.status, self.running, self.waiting = status, dict(running), dict(waiting)
        self.latencies = list(latencies.families())

    def collect(self) -> Iterable[Metric]:
        for name, help_text in GAUGES.items():
            value = getattr(self.status, name)
            if value is not None:
                yield GaugeMetricFamily(f"sluice_{name}", help_text, value=value)
        phase = GaugeMetricFamily("sluice_phase", "1 for the phase that the server is in.", labels=["phase"])
        phase.add_metric([self.status.phase], 1)
        yield phase
        path = GaugeMetricFamily("sluice_output_path", "1 for the way that the engine's outputs come.", labels=["path"])
        if self.status.output_path is not None:
            path.add_metric([self.status.output_path], 1)
        yield path
        help_text = "Sequences inside, running and waiting, by tenant."
        admitted = GaugeMetricFamily("sluice_admitted", help_text, labels=["tenant"])
        for tenant, count in self.status.tenants.items():
            admitted.add_metric([tenant], count)
        yield admitted
        for name, help_text, counts in (
            ("running", "Sequences that the engine has been given and has not finished.", self.running),
            ("waiting", "Sequences that wait for a place in the batch.", self.waiting),
        ):
            gauge = GaugeMetricFamily(f"sluice_{name}", help_text, labels=["class", "tenant"])
            for tenant in self.status.tenants:
                for request_class in get_args(RequestClass):
                    gauge.add_metric([request_class, tenant], counts.get((request_class, tenant), 0))
            yield gauge
        help_text = "Times that a running sequence was put back to wait, for a tenant under its share."
        yield CounterMetricFamily("sluice_paused", help_text, value=self.status.paused)
        help_text = "Times that the engine was started again, after it had died or hung."
        yield CounterMetricFamily("sluice_engine_restarts", help_text, value=self.status.engine_restarts)
        for name, (label, help_text) in COUNTERS.items():
            counter = CounterMetricFamily(f"sluice_{name}", help_text, labels=[label])
            for value, count in getattr(self.status, name).items():
                counter.add_metric([value], count)
            yield counter
        yield from self.latencies
