"""Who next: first come, first served, and never more than the capacity."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.admission.entry import Entry, SequenceSpec
from sluice.admission.scheduler import STARTS_A_TURN, Scheduler
from tests.admission.clock import Clock


async def enter(scheduler: Scheduler, spec: SequenceSpec) -> Entry:
    began = asyncio.get_running_loop().create_future()

    def begin(entry: Entry) -> None:
        if began.cancelled():
            scheduler.leave(entry)
        else:
            began.set_result(entry)

    entry = scheduler.join(spec, begin)
    try:
        await began
    except asyncio.CancelledError:
        scheduler.leave(entry)
        raise
    return entry


@asynccontextmanager
async def place(scheduler: Scheduler, spec: SequenceSpec) -> AsyncIterator[Entry]:
    entry = await enter(scheduler, spec)
    try:
        yield entry
    finally:
        scheduler.leave(entry)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_one_at_a_time_in_the_order_of_arrival() -> None:
    scheduler, order = Scheduler(1), list[int]()

    async def ask(number: int) -> None:
        async with place(scheduler, SequenceSpec()):
            assert scheduler.running == 1
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert order == list(range(20))
    assert (scheduler.running, scheduler.waiting, scheduler.peak_running) == (0, 0, 1)


async def test_who_leaves_while_waiting_is_forgotten() -> None:
    scheduler = Scheduler(1)
    running = await enter(scheduler, SequenceSpec())
    waiting = asyncio.create_task(enter(scheduler, SequenceSpec()))
    await settle()
    assert scheduler.waiting == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert scheduler.waiting == 0
    scheduler.leave(running)
    assert scheduler.running == 0


async def test_a_turn_that_comes_with_the_cancellation_is_handed_on() -> None:
    scheduler = Scheduler(1)
    running = await enter(scheduler, SequenceSpec())
    first, second = (asyncio.create_task(enter(scheduler, SequenceSpec())) for _ in range(2))
    await settle()
    scheduler.leave(running)  # the turn is first's, who has not run yet
    first.cancel()
    await settle()
    assert first.cancelled()
    assert second.done()
    assert scheduler.running == 1


async def test_a_turn_passes_over_who_has_just_been_cancelled() -> None:
    scheduler = Scheduler(1)
    running = await enter(scheduler, SequenceSpec())
    first, second = (asyncio.create_task(enter(scheduler, SequenceSpec())) for _ in range(2))
    await settle()
    first.cancel()
    scheduler.leave(running)  # before first could take itself off the list
    await settle()
    assert first.cancelled()
    assert second.done()
    assert (scheduler.running, scheduler.waiting) == (1, 0)


async def test_a_larger_capacity_starts_those_who_wait() -> None:
    scheduler = Scheduler(1)
    await enter(scheduler, SequenceSpec())
    waiting = [asyncio.create_task(enter(scheduler, SequenceSpec())) for _ in range(3)]
    await settle()
    scheduler.resize(3)
    await settle()
    assert [task.done() for task in waiting] == [True, True, False]
    scheduler.resize(None)
    await asyncio.gather(*waiting)
    assert scheduler.running == 4


def test_nobody_new_overtakes_those_who_wait() -> None:
    async def run() -> None:
        scheduler = Scheduler(1)
        running = await enter(scheduler, SequenceSpec())
        waiting = asyncio.create_task(enter(scheduler, SequenceSpec()))
        await settle()
        scheduler.leave(running)
        late = asyncio.create_task(enter(scheduler, SequenceSpec()))
        await settle()
        assert waiting.done()
        assert not late.done()
        late.cancel()

    asyncio.run(run())


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_any_interleaving_keeps_the_capacity_and_loses_no_place(capacity: int, specs: list[tuple[int, bool]]) -> None:
    async def ask(scheduler: Scheduler, steps: int) -> None:
        async with place(scheduler, SequenceSpec()):
            assert scheduler.running <= capacity
            for _ in range(steps):
                await asyncio.sleep(0)

    async def run() -> Scheduler:
        scheduler = Scheduler(capacity)
        tasks = []
        for steps, hang_up in specs:
            tasks.append(asyncio.create_task(ask(scheduler, steps)))
            await asyncio.sleep(0)
            if hang_up:
                for task in tasks[steps::2]:
                    task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError)
        return scheduler

    scheduler = asyncio.run(run())
    assert (scheduler.running, scheduler.waiting) == (0, 0)
    assert scheduler.peak_running <= capacity


async def test_batch_waits_for_interactive_but_not_for_ever() -> None:
    """After 30 s it is interactive: it goes before an interactive one that came later, of a tenant served as much."""
    clock, order = Clock(), list[str]()
    scheduler = Scheduler(1, clock)
    first = await enter(scheduler, SequenceSpec("a", prompt_tokens=1))

    async def ask(name: str, seen: SequenceSpec) -> None:
        async with place(scheduler, seen):
            order.append(name)

    tasks = [asyncio.create_task(ask("young batch", SequenceSpec("young", request_class="batch")))]
    await settle()
    tasks += [asyncio.create_task(ask("interactive", SequenceSpec("b")))]
    await settle()
    scheduler.leave(first)
    await asyncio.gather(*tasks)
    assert order == ["interactive", "young batch"]

    order.clear()
    first = await enter(scheduler, SequenceSpec("a", prompt_tokens=1))
    tasks = [asyncio.create_task(ask("old batch", SequenceSpec("old", request_class="batch")))]
    await settle()
    clock.now += 31
    tasks += [asyncio.create_task(ask(f"interactive {n}", SequenceSpec("b", prompt_tokens=10))) for n in range(5)]
    await settle()
    scheduler.leave(first)
    await asyncio.gather(*tasks)
    assert order.index("old batch") <= 1


@pytest.mark.parametrize(("weight", "service"), [(1.0, 70), (2.0, 35)])
async def test_what_a_sequence_costs_its_tenant(weight: float, service: float) -> None:
    """10 tokens of its prompt, and 30 of its answer, which count twice; a tenant of twice the weight pays half."""
    scheduler = Scheduler(1, Clock())
    scheduler.join(SequenceSpec("a", weight, prompt_tokens=10), lambda entry: None).charge(30)
    assert scheduler.queues["interactive"].counters == {"a": service}


async def test_many_that_may_start_do_so_in_several_turns_of_the_loop() -> None:
    """Each costs something: nobody else on the loop waits for all of them."""
    scheduler, begun = Scheduler(0, Clock()), list[Entry]()
    entries = [scheduler.join(SequenceSpec(), begun.append) for _ in range(100)]
    scheduler.resize(70)
    in_turn = list[int]()
    while scheduler.running < 70:
        in_turn.append(len(begun))
        await asyncio.sleep(0)
    assert begun == entries[:70]
    assert in_turn == [16, 32, 48, 64]
    scheduler.leave(*begun)
    assert scheduler.running <= STARTS_A_TURN
    await settle()
    assert (scheduler.running, scheduler.waiting) == (30, 0)


async def seconds_for_one_more(inside: int) -> float:
    """The processor's, where of each of three tenants so many run and so many wait, all of them batch and old."""
    clock = Clock()
    scheduler = Scheduler(3 * inside, clock)
    for _ in range(2 * inside):
        for tenant in "abc":
            scheduler.join(SequenceSpec(tenant, request_class="batch"), lambda entry: None)
    for _ in range(3 * inside // STARTS_A_TURN):
        await asyncio.sleep(0)
    clock.now += 100
    spec, began = SequenceSpec("a", request_class="batch"), time.thread_time()
    for _ in range(100):
        scheduler.predicted_wait(spec)
        scheduler.claim(spec)
        scheduler.oldest_wait()
        assert scheduler.waiting_by["batch", "a"] == inside
        scheduler.leave(scheduler.join(spec, lambda entry: None))
    return time.thread_time() - began


async def test_thousands_inside_make_the_next_one_no_dearer() -> None:
    few = min([await seconds_for_one_more(20) for _ in range(3)])
    assert min([await seconds_for_one_more(3000) for _ in range(3)]) < 3 * few
