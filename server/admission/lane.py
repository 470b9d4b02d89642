"""Who next within one class: the tenants that wait share the service they get, by tokens.

The Virtual Token Counter of "Fairness in Serving Large Language Models" (Sheng et al., OSDI 2024, algorithm 2), with
weights: a tenant of weight 2 is charged half.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from server.settings import RequestClass

INPUT_WEIGHT, OUTPUT_WEIGHT = 1.0, 2.0
"""What a prompt's and an answer's token cost (section 3.1 of the paper)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What the queue is told of a sequence: whose it is, and how many tokens its prompt has."""

    tenant: str = "anonymous"
    weight: float = 1.0
    request_class: RequestClass = "interactive"
    prompt_tokens: int = 0


@dataclass(eq=False, slots=True)
class Waiter:
    """A sequence that waits; `turn` is set when its place in the batch is there. `arrived` in seconds of the clock."""

    visit: Visit
    arrived: float
    turn: "asyncio.Future[Lane]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lane:
    """The waiting of one class, a line for each tenant; and how much service each tenant has had, in virtual tokens."""

    def __init__(self) -> None:
        self.lines: dict[str, OrderedDict[Waiter, None]] = {}
        self.counters: dict[str, float] = {}
        self.last: str | None = None

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def push(self, waiter: Waiter) -> None:
        tenant = waiter.visit.tenant
        if tenant not in self.lines:
            self.lift(tenant)
            self.lines[tenant] = OrderedDict()
        self.lines[tenant][waiter] = None

    def lift(self, tenant: str) -> None:
        """Whoever comes back has not saved up service meanwhile: its counter rises to the lowest of those that wait."""
        if self.lines:
            floor = min(self.counters[other] for other in self.lines)
        else:
            floor = self.counters.get(self.last, 0.0) if self.last is not None else 0.0
        self.counters[tenant] = max(self.counters.get(tenant, 0.0), floor)

    def pop(self) -> Waiter:
        """The first in the line of the tenant with the lowest counter, who is charged for the prompt."""
        tenant = min(self.lines, key=self.counters.__getitem__)
        waiter = next(iter(self.lines[tenant]))
        self.remove(waiter)
        self.last = tenant
        self.charge(waiter.visit, INPUT_WEIGHT * waiter.visit.prompt_tokens)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Raises KeyError if it does not wait here."""
        line = self.lines[waiter.visit.tenant]
        del line[waiter]
        if not line:
            del self.lines[waiter.visit.tenant]

    def charge(self, visit: Visit, service: float) -> None:
        self.counters[visit.tenant] += service / visit.weight

    def older_than(self, arrival: float) -> list[Waiter]:
        """Those that came before `arrival`, in the order of their lines."""
        found = []
        for line in self.lines.values():
            for waiter in line:
                if waiter.arrived >= arrival:
                    break
                found.append(waiter)
        return found

    def ahead_of(self, visit: Visit) -> float:
        """How many would start before this one if it came now: its tenant's own, and the others' share meanwhile."""
        own = len(self.lines.get(visit.tenant, ()))
        others = [next(iter(line)).visit.weight for tenant, line in self.lines.items() if tenant != visit.tenant]
        return min(len(self), own + (own + 1) * sum(others) / visit.weight)

    def oldest(self) -> float | None:
        return min((next(iter(line)).arrived for line in self.lines.values()), default=None)
