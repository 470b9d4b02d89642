"""A Point a second, whoever watches."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import get_args

from sluice.admission import AdmissionController
from sluice.engine.base import Engine
from sluice.live.window import Window
from sluice.settings import RequestClass
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.snapshot import HISTORY_POINTS, INTERVAL_S, LATENCY_WINDOW_S, History, Point

NONE: dict[str, int] = {}
"""Most seconds refuse nothing, and share this."""


class Sampler:
    """Keeps the `points` of the last 15 minutes. `moment` tells Unix time."""

    def __init__(
        self, controller: AdmissionController, latencies: Latencies, engine: Engine, moment: Callable[[], float]
    ) -> None:
        self.controller, self.engine, self.moment = controller, engine, moment
        self.points = deque[Point](maxlen=HISTORY_POINTS)
        self.first_token, self.inter_token, self.queue = (
            Window(histogram, round(LATENCY_WINDOW_S / INTERVAL_S))
            for histogram in (latencies.first_token, latencies.inter_token, latencies.queue)
        )
        self.tokens = self.prompt_tokens = 0
        self.rejected, self.finished = Counter(controller.rejected), Counter(controller.finished)

    def take(self) -> None:
        controller, scheduler = self.controller, self.controller.scheduler
        scheduler.book(scheduler.entries)
        tokens, prompt_tokens = scheduler.generated_tokens.total(), scheduler.prompt_tokens.total()
        rejected, finished = Counter(controller.rejected), Counter(controller.finished)
        waiting = by_class(scheduler.waiting_by)
        first_token, inter_token, queue = self.first_token.move(), self.inter_token.move(), self.queue.move()
        self.points.append(
            Point(
                at=round(self.moment(), 3),
                admitted=controller.seats.taken,
                running=scheduler.running,
                waiting_interactive=waiting["interactive"],
                waiting_batch=waiting["batch"],
                paused=scheduler.paused_by.total(),
                concurrency=scheduler.max_running,
                max_concurrency=controller.seats.capacity,
                oldest_wait=round(scheduler.oldest_wait(), 3),
                tokens=tokens - self.tokens,
                prompt_tokens=prompt_tokens - self.prompt_tokens,
                first_token_p50=rounded(first_token[0]),
                first_token_p99=rounded(first_token[1]),
                inter_token_p50=rounded(inter_token[0]),
                inter_token_p99=rounded(inter_token[1]),
                queue_p50=rounded(queue[0]),
                queue_p99=rounded(queue[1]),
                kv_cache_usage=self.kv_cache_usage(),
                rejected=dict(rejected - self.rejected) or NONE,
                finished={str(outcome): count for outcome, count in (finished - self.finished).items()} or NONE,
            )
        )
        self.tokens, self.prompt_tokens, self.rejected, self.finished = tokens, prompt_tokens, rejected, finished

    def kv_cache_usage(self) -> float | None:
        """The engine tells with its steps, and makes none when there is nothing to do."""
        usage = self.engine.kv_cache_usage()
        return None if usage is None else round(usage, 4) if self.controller.scheduler.running else 0.0

    def history(self) -> History:
        names = Point.__struct_fields__
        rows = map(attrgetter(*names), self.points)
        columns = zip(*rows, strict=True) if self.points else ([] for _ in names)
        return History(INTERVAL_S, {name: list(column) for name, column in zip(names, columns, strict=True)})


def by_class(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found = dict.fromkeys(get_args(RequestClass), 0)
    for (request_class, _), count in counts.items():
        found[request_class] += count
    return found


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 5)
