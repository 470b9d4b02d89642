"""How long requests take, stage by stage."""

from collections.abc import Iterable

from prometheus_client.core import HistogramMetricFamily

from sluice.telemetry.histogram import Histogram

WAITS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.4, 0.8, 2, 5, 10)


class Latencies:
    """All in seconds, all named as vLLM names its own."""

    def __init__(self) -> None:
        self.queue = Histogram("request_queue_time", "From a sequence's arrival in the queue to its turn.", WAITS)
        self.first_token = Histogram("time_to_first_token", "From a request's seat to its first token.", WAITS)
        self.inter_token = Histogram("inter_token_latency", "Between two deltas, mostly a token each.", GAPS)
        self.whole = Histogram(
            "e2e_request_latency", "From a request's seat until it is given back, if it had an answer.", WAITS
        )

    def families(self) -> Iterable[HistogramMetricFamily]:
        return (each.family() for each in (self.queue, self.first_token, self.inter_token, self.whole))
