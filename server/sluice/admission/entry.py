"""A sequence's way through the queue: it waits, runs in the batch, may be put back to wait, and leaves once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from sluice.settings import RequestClass

if TYPE_CHECKING:
    from sluice.admission.fair_queue import FairQueue

INPUT_WEIGHT, OUTPUT_WEIGHT = 1.0, 2.0
"""What a prompt's and an answer's token cost (section 3.1 of the paper that `queue` follows)."""


class SequenceSpec(NamedTuple):
    """What the queue is told of a sequence: whose it is, and how many tokens its prompt has."""

    tenant: str = "anonymous"
    weight: float = 1.0
    request_class: RequestClass = "interactive"
    prompt_tokens: int = 0


class Pausable(Protocol):
    """What runs in a place: it can be taken out of the batch, and put back."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@dataclass(eq=False, slots=True)
class Entry:
    """`Queue.join` makes them. `begin` is called when it gets its first place. Moments are in seconds of its clock.

    `queue`: where it waits, or has waited last, and who is charged. `guest`: what can be paused while it runs, None if
    nothing can. `price`: what a token of its answer costs its `tenant`.
    """

    spec: SequenceSpec
    arrived: float
    begin: Callable[["Entry"], None]
    queue: "FairQueue" = field(init=False)
    state: Literal["waiting", "running", "gone"] = "waiting"
    has_begun: bool = False
    started: float = 0.0
    guest: Pausable | None = None
    tenant: str = field(init=False)
    price: float = field(init=False)

    def __post_init__(self) -> None:
        self.tenant, self.price = self.spec.tenant, OUTPUT_WEIGHT / self.spec.weight

    def charge(self, tokens: int) -> None:
        """Count `tokens` of an answer as service received."""
        self.queue.counters[self.tenant] += self.price * tokens
