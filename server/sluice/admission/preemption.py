"""Whose place is it: the batch belongs to the tenants in it and before it, in proportion to their weights."""

from collections.abc import Mapping, Reversible

from sluice.admission.entry import Entry, SequenceSpec


def to_pause(
    spec: SequenceSpec, running: Reversible[Entry], max_running: int,
    held: Mapping[str, int], weights: Mapping[str, float],
) -> Entry | None:  # fmt: skip
    """The running entry whose place a waiting sequence has a claim to, None if there is none.

    `running`: in the order in which they started. `held`: how many of them each tenant has; `weights`: of all tenants
    that run or wait, this one's among them. A tenant that stays within its share may take from one that stays at its
    share or above it; so nobody is paused in turn for one who was, and with one tenant nobody ever is. Of those that
    can be paused, the one that started last is: it has the least to lose.
    """
    if len(weights) < 2:
        return None
    place = max_running / sum(weights.values())
    if held.get(spec.tenant, 0) + 1 > place * weights[spec.tenant]:
        return None
    above = {tenant for tenant, number in held.items() if number - 1 >= place * weights[tenant]}
    for entry in reversed(running) if above else ():
        is_above, is_lower = entry.tenant in above, entry.spec.request_class in (spec.request_class, "batch")
        if entry.guest is not None and entry.guest.can_pause and is_above and is_lower:
            return entry
    return None
