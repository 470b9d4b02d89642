"""What happened: attempts make a request, requests make a run. All moments are seconds of one clock."""

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["finished", "refused", "failed", "broken", "cut_off", "unreachable", "timed_out", "unfinished"]
"""finished: 200, a finish_reason and [DONE] · refused: 429 or 503 · failed: any other status · broken: an error event
after 200 · cut_off: the connection ended before the answer · unreachable: no connection · timed_out: its time was up ·
unfinished: the run was over, and its grace."""


@dataclass(slots=True)
class Attempt:
    due: float
    """When it had to start; latencies count from here, so a late generator can't hide a slow server."""
    started: float = 0.0
    ended: float = 0.0
    outcome: Outcome = "unfinished"
    status: int = 0
    tokens: int = 0
    token_times: list[float] = field(default_factory=list)
    """When its tokens came; one moment an event, which may carry several tokens."""


@dataclass(slots=True)
class Request:
    """What one client wanted, and how often it tried."""

    tenant: int
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """`rate` is in requests a second (0: a closed loop); figures are of what lies between `since` and `until`."""

    rate: float
    tenants: int
    began: float
    since: float
    until: float
    requests: list[Request] = field(default_factory=list)
    probes: list[Attempt] = field(default_factory=list)
    cpu: float = 0.0
    """CPU seconds that the generator itself took."""
