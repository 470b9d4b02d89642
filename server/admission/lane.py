"""Who next within one class: the tenants that wait share the service they get, by tokens.

The Virtual Token Counter of "Fairness in Serving Large Language Models" (Sheng et al., OSDI 2024, algorithm 2), with
weights: a tenant of weight 2 is charged half.
"""

from collections import OrderedDict
from collections.abc import Mapping

from server.admission.turn import INPUT_WEIGHT, Turn, Visit


class Lane:
    """The waiting of one class, a line for each tenant; and how much service each tenant has had, in virtual tokens."""

    def __init__(self) -> None:
        self.lines: dict[str, OrderedDict[Turn, None]] = {}
        self.counters: dict[str, float] = {}
        self.last: str | None = None

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def push(self, turn: Turn, *, first: bool = False) -> None:
        """To the end of its tenant's line, or to its head."""
        tenant = turn.visit.tenant
        if tenant not in self.lines:
            self.lift(tenant)
            self.lines[tenant] = OrderedDict()
        self.lines[tenant][turn] = None
        turn.lane = self
        if first:
            self.lines[tenant].move_to_end(turn, last=False)

    def lift(self, tenant: str) -> None:
        """Whoever comes back has not saved up service meanwhile: its counter rises to the lowest of those that wait."""
        if self.lines:
            floor = min(self.counters[other] for other in self.lines)
        else:
            floor = self.counters.get(self.last, 0.0) if self.last is not None else 0.0
        self.counters[tenant] = max(self.counters.get(tenant, 0.0), floor)

    def next(self, running: Mapping[str, int]) -> Turn:
        """The first in the line of the tenant with the lowest counter; of level ones, who has least `running`."""
        tenant = min(self.lines, key=lambda name: (self.counters[name], running.get(name, 0)))
        return next(iter(self.lines[tenant]))

    def start(self, turn: Turn) -> None:
        """It waits no longer, and is charged for its prompt if it has not been yet."""
        self.remove(turn)
        self.last = turn.visit.tenant
        if not turn.has_begun:
            self.charge(turn.visit, INPUT_WEIGHT * turn.visit.prompt_tokens)

    def remove(self, turn: Turn) -> None:
        """Raises KeyError if it does not wait here."""
        line = self.lines[turn.visit.tenant]
        del line[turn]
        if not line:
            del self.lines[turn.visit.tenant]

    def charge(self, visit: Visit, service: float) -> None:
        self.counters[visit.tenant] += service / visit.weight

    def older_than(self, arrival: float) -> list[Turn]:
        """Those that came before `arrival`, in the order of their lines."""
        found = []
        for line in self.lines.values():
            for turn in line:
                if turn.arrived >= arrival:
                    break
                found.append(turn)
        return found

    def ahead_of(self, visit: Visit) -> float:
        """How many would start before this one if it came now: its tenant's own, and the others' share meanwhile."""
        own = len(self.lines.get(visit.tenant, ()))
        others = [next(iter(line)).visit.weight for tenant, line in self.lines.items() if tenant != visit.tenant]
        return min(len(self), own + (own + 1) * sum(others) / visit.weight)

    def oldest(self) -> float | None:
        return min((next(iter(line)).arrived for line in self.lines.values()), default=None)
