"""From one load on one server to its figures. All times are in seconds, memory is in bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from sluice.bench.figures import Latency, share_within
from sluice.bench.frontend.usage import Usage
from sluice.bench.record import Attempt, Run


@dataclass(frozen=True)
class Figures:
    seconds: float
    tokens_per_second: float
    requests_per_second: float
    cpu_per_token: float
    """Of the front end, as the next one."""
    cpu_per_request: float
    engine_cpu_per_token: float
    first_token: Latency | None
    between_tokens: Latency | None
    """A value an answer."""
    between_events: Latency | None
    events_per_token: float
    memory: int
    bad: int
    """Answers, whenever they came, without status 200."""
    short: int
    """Answers with it that weren't whole."""
    generator_cpu: float
    """CPU seconds of the generator a second."""

    @classmethod
    def of(cls, run: Run, wanted: int, usage: Usage, memory: int) -> Self | None:
        """`usage` and `memory` are those between the run's `since` and `until`; None if no whole answer came then."""
        attempts = [attempt for request in run.requests for attempt in request.attempts]
        whole = [attempt for attempt in attempts if is_whole(attempt, wanted)]
        requests = sum(share_within(run, attempt) for attempt in whole)
        if not requests:
            return None
        seconds, tokens = run.until - run.since, requests * wanted
        bad = sum(attempt.status != 200 for attempt in attempts)
        timed = [
            attempt for attempt in whole if attempt.token_times and run.since <= attempt.token_times[0] < run.until
        ]
        return cls(
            seconds=seconds,
            tokens_per_second=tokens / seconds,
            requests_per_second=requests / seconds,
            cpu_per_token=usage.front_end / tokens,
            cpu_per_request=usage.front_end / requests,
            engine_cpu_per_token=usage.engine / tokens,
            first_token=Latency.of(attempt.token_times[0] - attempt.due for attempt in timed),
            between_tokens=Latency.of(between_tokens(timed)),
            between_events=Latency.of(between_events(run, whole)),
            events_per_token=sum(len(attempt.token_times) for attempt in whole) / (len(whole) * wanted),
            memory=memory,
            bad=bad,
            short=len(attempts) - len(whole) - bad,
            generator_cpu=run.cpu / (run.until - run.began),
        )


def is_whole(attempt: Attempt, wanted: int) -> bool:
    return attempt.status == 200 and attempt.outcome == "finished" and attempt.tokens == wanted


def between_tokens(attempts: Sequence[Attempt]) -> Iterator[float]:
    for attempt in attempts:
        if attempt.tokens > 1:
            yield (attempt.token_times[-1] - attempt.token_times[0]) / (attempt.tokens - 1)


def between_events(run: Run, attempts: Sequence[Attempt]) -> Iterator[float]:
    for attempt in attempts:
        for earlier, later in pairwise(attempt.token_times):
            if run.since <= later < run.until:
                yield later - earlier
