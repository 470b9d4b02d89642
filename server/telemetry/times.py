"""How long requests take, stage by stage."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import HistogramMetricFamily

from server.telemetry.histogram import Histogram

WAITS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.4, 0.8, 2, 5, 10)


@dataclass
class Times:
    """All in seconds, all named as vLLM names its own."""

    queue: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_request_queue_time_seconds", "From a sequence's arrival in the queue to its turn.", WAITS
        )
    )
    first_token: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_time_to_first_token_seconds", "From a request's seat to its first token.", WAITS
        )
    )
    inter_token: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_inter_token_latency_seconds", "Between two deltas of a request, mostly a token each.", GAPS
        )
    )
    whole: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_e2e_request_latency_seconds", "From a request's seat until it is given back.", WAITS
        )
    )

    def families(self) -> Iterable[HistogramMetricFamily]:
        return (each.family() for each in (self.queue, self.first_token, self.inter_token, self.whole))
