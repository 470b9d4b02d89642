"""Whose place is it: the batch belongs to the tenants in it and before it, in proportion to their weights."""

from collections.abc import Collection, Mapping

from sluice.admission.entry import Entry, SequenceSpec


def to_pause(
    spec: SequenceSpec, running: Collection[Entry], max_running: int, queued: Mapping[str, float]
) -> Entry | None:
    """The running entry whose place a waiting sequence has a claim to, None if there is none.

    `queued`: the tenants that wait, with their weights. A tenant that stays within its share may take from one that
    stays at its share or above it; so nobody is paused in turn for one who was, and with one tenant nobody ever is. Of
    those that can be paused, the one that started last is: it has the least to lose.
    """
    held: dict[str, int] = {}
    weights = {**queued, spec.tenant: spec.weight}
    for entry in running:
        held[entry.spec.tenant] = held.get(entry.spec.tenant, 0) + 1
        weights[entry.spec.tenant] = entry.spec.weight
    if len(weights) < 2:
        return None
    place = max_running / sum(weights.values())
    if held.get(spec.tenant, 0) + 1 > place * spec.weight:
        return None
    candidates = [
        entry
        for entry in running
        if entry.guest is not None
        and held[entry.spec.tenant] - 1 >= place * entry.spec.weight
        and entry.spec.request_class in (spec.request_class, "batch")
    ]
    return max(candidates, key=lambda entry: entry.started, default=None)
