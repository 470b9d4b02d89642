"""Fields of bodies that nobody knows: how many there were, and a line of the log for each name."""

import logging
from collections.abc import Iterable, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

LOG = logging.getLogger("sluice")
MOST_NAMES = 256
"""That are logged: clients choose them."""


class IgnoredFields(Collector):
    def __init__(self) -> None:
        self.total = 0
        self.logged = set[str]()

    def note(self, paths: Sequence[str]) -> None:
        """Those of one body."""
        self.total += len(paths)
        for path in paths:
            if path not in self.logged and len(self.logged) < MOST_NAMES:
                self.logged.add(path)
                LOG.warning("A field that nobody knows is ignored: %s", path)

    def collect(self) -> Iterable[Metric]:
        help_text = "Fields of requests that nobody knows."
        yield CounterMetricFamily("sluice_ignored_fields", help_text, value=self.total)
