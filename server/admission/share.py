"""Whose place is it: the batch belongs to the tenants in it and before it, in proportion to their weights."""

from collections.abc import Collection, Mapping

from server.admission.turn import Turn, Visit


def to_pause(visit: Visit, running: Collection[Turn], capacity: int, queued: Mapping[str, float]) -> Turn | None:
    """The running turn whose place a waiting sequence has a claim to, None if there is none.

    `queued`: the tenants that wait, with their weights. A tenant that stays within its share may take from one that
    stays at its share or above it; so nobody is paused in turn for one who was, and with one tenant nobody ever is. Of
    those that can be paused, the one that started last is: it has the least to lose.
    """
    held: dict[str, int] = {}
    weights = {**queued, visit.tenant: visit.weight}
    for turn in running:
        held[turn.visit.tenant] = held.get(turn.visit.tenant, 0) + 1
        weights[turn.visit.tenant] = turn.visit.weight
    if len(weights) < 2:
        return None
    place = capacity / sum(weights.values())
    if held.get(visit.tenant, 0) + 1 > place * visit.weight:
        return None
    candidates = [
        turn
        for turn in running
        if turn.guest is not None
        and held[turn.visit.tenant] - 1 >= place * turn.visit.weight
        and turn.visit.request_class in (visit.request_class, "batch")
    ]
    return max(candidates, key=lambda turn: turn.started, default=None)
