"""Who next within one class: the tenants that wait share the service they get, by tokens.

The Virtual Token Counter of "Fairness in Serving Large Language Models" (Sheng et al., OSDI 2024, algorithm 2), with
weights: a tenant of weight 2 is charged half.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping

from sluice.admission.entry import INPUT_WEIGHT, Entry, SequenceSpec


class FairQueue:
    """The waiting of one class, a line for each tenant; and how much service each tenant has had, in virtual tokens."""

    def __init__(self) -> None:
        self.lines: dict[str, OrderedDict[Entry, None]] = {}
        self.counters: dict[str, float] = {}
        self.last: str | None = None

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def push(self, entry: Entry, *, first: bool = False) -> None:
        """To the end of its tenant's line, or to its head."""
        tenant = entry.spec.tenant
        if tenant not in self.lines:
            self.lift(tenant)
            self.lines[tenant] = OrderedDict()
        self.lines[tenant][entry] = None
        entry.counters = self.counters
        if first:
            self.lines[tenant].move_to_end(entry, last=False)

    def lift(self, tenant: str) -> None:
        """Whoever comes back has not saved up service meanwhile: its counter rises to the lowest of those that wait."""
        if self.lines:
            floor = min(self.counters[other] for other in self.lines)
        else:
            floor = self.counters.get(self.last, 0.0) if self.last is not None else 0.0
        self.counters[tenant] = max(self.counters.get(tenant, 0.0), floor)

    def next(self, running: Mapping[str, int]) -> Entry:
        """The first in the line of the tenant with the lowest counter; of level ones, who has least `running`."""
        tenant = min(self.lines, key=lambda name: (self.counters[name], running.get(name, 0)))
        return next(iter(self.lines[tenant]))

    def start(self, entry: Entry) -> None:
        """It waits no longer, and is charged for its prompt if it has not been yet."""
        self.remove(entry)
        self.last = entry.spec.tenant
        if not entry.has_begun:
            self.charge(entry.spec, INPUT_WEIGHT * entry.spec.prompt_tokens)

    def remove(self, entry: Entry) -> None:
        """Raises KeyError if it does not wait here."""
        line = self.lines[entry.spec.tenant]
        del line[entry]
        if not line:
            del self.lines[entry.spec.tenant]

    def charge(self, spec: SequenceSpec, service: float) -> None:
        self.counters[spec.tenant] += service / spec.weight

    def firsts(self) -> list[Entry]:
        """The first of each line."""
        return [next(iter(line)) for line in self.lines.values()]

    def ahead_of(self, spec: SequenceSpec) -> float:
        """How many would start before this one if it came now: its tenant's own, and the others' share meanwhile."""
        own = len(self.lines.get(spec.tenant, ()))
        others = [entry.spec.weight for entry in self.firsts() if entry.spec.tenant != spec.tenant]
        return min(len(self), own + (own + 1) * sum(others) / spec.weight)

    def oldest(self) -> float | None:
        """Since when the one waits that has waited longest: the first of a line that was never paused."""
        found = math.inf
        for line in self.lines.values():
            for entry in line:
                found = min(found, entry.since)
                if not entry.has_begun:
                    break
        return None if found == math.inf else found
