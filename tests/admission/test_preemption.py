"""Whose place it is: who is under its share takes one from who is above, and nobody is paused twice over it."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.admission import AdmissionController, Tenants
from sluice.admission.entry import Entry, SequenceSpec
from sluice.admission.scheduler import Scheduler
from sluice.errors import Expired
from sluice.settings import Tenant, Traffic
from tests.admission.clock import Clock
from tests.admission.tickets import admitted

WEIGHTS = {"a": 1.0, "b": 2.0, "c": 0.5}


class Guest:
    """Runs, until it is paused."""

    survives = True

    def __init__(self, can_pause: bool) -> None:
        self.runs, self.pauses, self.can_pause = True, 0, can_pause

    def pause(self) -> None:
        assert self.runs
        self.runs, self.pauses = False, self.pauses + 1

    def resume(self) -> None:
        assert not self.runs
        self.runs = True


def joined(scheduler: Scheduler, spec: SequenceSpec, can_pause: bool = True) -> tuple[Entry, Guest]:
    guest = Guest(can_pause)

    def begin(entry: Entry) -> None:
        entry.guest = guest

    return scheduler.join(spec, begin), guest


async def test_a_polite_tenant_takes_a_place_from_a_greedy_one_and_gives_it_back() -> None:
    clock = Clock()
    scheduler = Scheduler(4, clock)
    greedy = []
    for _ in range(20):
        greedy.append(joined(scheduler, SequenceSpec("greedy")))
        clock.now += 1
    polite, _ = joined(scheduler, SequenceSpec("polite"))
    assert polite.state == "running"
    assert (scheduler.running, scheduler.paused_total) == (4, 1)
    assert [guest.runs for _, guest in greedy[:5]] == [
        True,
        True,
        True,
        False,
        True,
    ]  # the last to start; 5th never ran
    assert greedy[4][0].state == "waiting"
    scheduler.leave(polite)
    assert greedy[3][1].runs
    assert greedy[4][0].state == "waiting"


async def test_up_to_its_share_and_no_further() -> None:
    scheduler = Scheduler(4, Clock())
    for _ in range(8):
        joined(scheduler, SequenceSpec("greedy"))
    polite = [joined(scheduler, SequenceSpec("polite"))[0] for _ in range(4)]
    assert [entry.state for entry in polite] == ["running", "running", "waiting", "waiting"]
    assert scheduler.running_by_tenant == {"greedy": 2, "polite": 2}


async def test_one_tenant_alone_is_never_paused() -> None:
    scheduler = Scheduler(2, Clock())
    guests = [joined(scheduler, SequenceSpec("only"))[1] for _ in range(9)]
    assert sum(guest.pauses for guest in guests) == 0


async def test_what_cannot_be_paused_is_left_alone() -> None:
    scheduler = Scheduler(2, Clock())
    for _ in range(3):
        joined(scheduler, SequenceSpec("greedy"), can_pause=False)
    assert joined(scheduler, SequenceSpec("polite"))[0].state == "waiting"
    assert scheduler.paused_total == 0


async def test_batch_takes_nothing_from_interactive() -> None:
    scheduler = Scheduler(2, Clock())
    for _ in range(2):
        joined(scheduler, SequenceSpec("greedy"))
    assert joined(scheduler, SequenceSpec("polite", request_class="batch"))[0].state == "waiting"
    scheduler = Scheduler(2, Clock())
    for _ in range(3):
        joined(scheduler, SequenceSpec("greedy", request_class="batch"))
    assert joined(scheduler, SequenceSpec("polite"))[0].state == "running"


async def test_who_leaves_while_paused_is_gone() -> None:
    scheduler = Scheduler(2, Clock())
    greedy = [joined(scheduler, SequenceSpec("greedy")) for _ in range(2)]
    joined(scheduler, SequenceSpec("polite"))
    paused = next(turn for turn, guest in greedy if not guest.runs)
    scheduler.leave(paused)
    scheduler.leave(paused)
    assert (scheduler.running, scheduler.waiting, paused.state) == (2, 0, "gone")


async def test_the_prompt_is_charged_once() -> None:
    scheduler = Scheduler(2, Clock())
    for _ in range(2):
        joined(scheduler, SequenceSpec("greedy", prompt_tokens=100))
    polite, _ = joined(scheduler, SequenceSpec("polite", prompt_tokens=1))
    scheduler.leave(polite)
    assert scheduler.queues["interactive"].counters["greedy"] == 200


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 40)), max_size=80),
)
async def test_any_order_keeps_the_batch_full_and_everyone_at_their_share(
    capacity: int, events: list[tuple[str, bool, int]]
) -> None:
    clock = Clock()
    scheduler = Scheduler(capacity, clock)
    inside: list[tuple[Entry, Guest]] = []
    for tenant, comes, which in events:
        clock.now += 1
        if comes or not inside:
            inside.append(joined(scheduler, SequenceSpec(tenant, WEIGHTS[tenant])))
        else:
            scheduler.leave(inside.pop(which % len(inside))[0])
        await asyncio.sleep(0)
        running = Counter(entry.spec.tenant for entry, _ in inside if entry.state == "running")
        waiting = Counter(entry.spec.tenant for entry, _ in inside if entry.state == "waiting")
        assert sum(running.values()) == scheduler.running == min(capacity, len(inside))
        assert sum(waiting.values()) == scheduler.waiting
        assert all(guest.runs == (entry.state == "running") for entry, guest in inside if entry.has_begun)
        next_one = scheduler.next()
        assert next_one is None or scheduler.claim(next_one.spec) is None


async def test_who_has_a_claim_to_a_place_is_not_refused_for_the_queue_of_others() -> None:
    """A place comes free every ten seconds, and 20 wait: too long for anyone but the tenant under its share."""
    clock = Clock()
    controller = AdmissionController(Traffic(concurrency=2), clock)
    names = ("greedy", "polite")
    settings = [Tenant.model_validate({"name": name, "keys": [f"env:{name}"]}) for name in names]
    accounts = Tenants(settings, {name: name for name in names}, clock)
    controller.scheduler.forecast.left(20.0)
    for _ in range(22):
        joined(controller.scheduler, SequenceSpec("greedy"))
    with pytest.raises(Expired), admitted(controller, accounts.identify("greedy"), patience=1):
        pass
    with admitted(controller, accounts.identify("polite"), patience=1) as ticket:
        assert joined(controller.scheduler, ticket.spec(1))[0].state == "running"
