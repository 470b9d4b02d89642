"""A sequence's way through the queue: it waits, runs in the batch, may be put back to wait, and leaves once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from sluice.settings import RequestClass

INPUT_WEIGHT, OUTPUT_WEIGHT = 1.0, 2.0
"""What a prompt's and an answer's token cost (section 3.1 of the paper that `fair_queue` follows)."""


class SequenceSpec(NamedTuple):
    """What the scheduler is told of a sequence: whose it is, and how many tokens its prompt has."""

    tenant: str = "anonymous"
    weight: float = 1.0
    request_class: RequestClass = "interactive"
    prompt_tokens: int = 0


class Guest(Protocol):
    """What runs in a place: it can be taken out of the batch, and put back."""

    can_pause: bool
    """While others run on. As in EngineSequence."""
    survives: bool

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@dataclass(eq=False, slots=True)
class Entry:
    """`Scheduler.join` makes them. `begin` is called when it gets its first place. Moments are in seconds of its clock.

    `waits_as`: the class in whose queue it waits, or has waited last; `counters`: the service that its tenants have
    had. `since`: when it came into its `state`. `guest`: what runs, once it has begun.
    `price`: what a token of its answer costs its `tenant`. `tokens`: its answer's so far, of which `booked` are in the
    scheduler's books.
    """

    spec: SequenceSpec
    arrived: float
    begin: Callable[["Entry"], None]
    waits_as: RequestClass = field(init=False)
    counters: dict[str, float] = field(init=False)
    state: Literal["waiting", "running", "gone"] = "waiting"
    since: float = field(init=False)
    has_begun: bool = False
    guest: Guest | None = None
    tenant: str = field(init=False)
    price: float = field(init=False)
    tokens: int = 0
    booked: int = 0

    def __post_init__(self) -> None:
        self.waits_as, self.since = self.spec.request_class, self.arrived
        self.tenant, self.price = self.spec.tenant, OUTPUT_WEIGHT / self.spec.weight

    def charge(self, tokens: int) -> None:
        """Count `tokens` of an answer as service received."""
        self.tokens += tokens
        self.counters[self.tenant] += self.price * tokens
