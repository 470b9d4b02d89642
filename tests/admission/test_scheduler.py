"""Who next: first come, first served, and never more than the capacity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sluice.admission.entry import Entry, SequenceSpec
from sluice.admission.scheduler import Queue

from tests.admission.clock import Clock


async def enter(queue: Queue, spec: SequenceSpec) -> Entry:
    began = asyncio.get_running_loop().create_future()

    def begin(entry: Entry) -> None:
        if began.cancelled():
            queue.leave(entry)
        else:
            began.set_result(entry)

    entry = queue.join(spec, begin)
    try:
        await began
    except asyncio.CancelledError:
        queue.leave(entry)
        raise
    return entry


@asynccontextmanager
async def place(queue: Queue, spec: SequenceSpec) -> AsyncIterator[Entry]:
    entry = await enter(queue, spec)
    try:
        yield entry
    finally:
        queue.leave(entry)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_one_at_a_time_in_the_order_of_arrival() -> None:
    queue, order = Queue(1), list[int]()

    async def spec(number: int) -> None:
        async with place(queue, SequenceSpec()):
            assert queue.running == 1
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(spec(number) for number in range(20)))
    assert order == list(range(20))
    assert (queue.running, queue.waiting, queue.peak_running) == (0, 0, 1)


async def test_who_leaves_while_waiting_is_forgotten() -> None:
    queue = Queue(1)
    running = await enter(queue, SequenceSpec())
    waiting = asyncio.create_task(enter(queue, SequenceSpec()))
    await settle()
    assert queue.waiting == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert queue.waiting == 0
    queue.leave(running)
    assert queue.running == 0


async def test_a_turn_that_comes_with_the_cancellation_is_handed_on() -> None:
    queue = Queue(1)
    running = await enter(queue, SequenceSpec())
    first, second = (asyncio.create_task(enter(queue, SequenceSpec())) for _ in range(2))
    await settle()
    queue.leave(running)  # the turn is first's, who has not run yet
    first.cancel()
    await settle()
    assert first.cancelled()
    assert second.done()
    assert queue.running == 1


async def test_a_turn_passes_over_who_has_just_been_cancelled() -> None:
    queue = Queue(1)
    running = await enter(queue, SequenceSpec())
    first, second = (asyncio.create_task(enter(queue, SequenceSpec())) for _ in range(2))
    await settle()
    first.cancel()
    queue.leave(running)  # before first could take itself off the list
    await settle()
    assert first.cancelled()
    assert second.done()
    assert (queue.running, queue.waiting) == (1, 0)


async def test_a_larger_capacity_starts_those_who_wait() -> None:
    queue = Queue(1)
    await enter(queue, SequenceSpec())
    waiting = [asyncio.create_task(enter(queue, SequenceSpec())) for _ in range(3)]
    await settle()
    queue.resize(3)
    await settle()
    assert [task.done() for task in waiting] == [True, True, False]
    queue.resize(None)
    await asyncio.gather(*waiting)
    assert queue.running == 4


def test_nobody_new_overtakes_those_who_wait() -> None:
    async def run() -> None:
        queue = Queue(1)
        running = await enter(queue, SequenceSpec())
        waiting = asyncio.create_task(enter(queue, SequenceSpec()))
        await settle()
        queue.leave(running)
        late = asyncio.create_task(enter(queue, SequenceSpec()))
        await settle()
        assert waiting.done()
        assert not late.done()
        late.cancel()

    asyncio.run(run())


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_any_interleaving_keeps_the_capacity_and_loses_no_place(capacity: int, specs: list[tuple[int, bool]]) -> None:
    async def spec(queue: Queue, steps: int) -> None:
        async with place(queue, SequenceSpec()):
            assert queue.running <= capacity
            for _ in range(steps):
                await asyncio.sleep(0)

    async def run() -> Queue:
        queue = Queue(capacity)
        tasks = []
        for steps, hang_up in specs:
            tasks.append(asyncio.create_task(spec(queue, steps)))
            await asyncio.sleep(0)
            if hang_up:
                for task in tasks[steps::2]:
                    task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError)
        return queue

    queue = asyncio.run(run())
    assert (queue.running, queue.waiting) == (0, 0)
    assert queue.peak_running <= capacity


async def test_batch_waits_for_interactive_but_not_for_ever() -> None:
    """After 30 s it is interactive: it goes before an interactive one that came later, of a tenant served as much."""
    clock, order = Clock(), list[str]()
    queue = Queue(1, clock)
    first = await enter(queue, SequenceSpec("a", prompt_tokens=1))

    async def spec(name: str, seen: SequenceSpec) -> None:
        async with place(queue, seen):
            order.append(name)

    tasks = [asyncio.create_task(spec("young batch", SequenceSpec("young", request_class="batch")))]
    await settle()
    tasks += [asyncio.create_task(spec("interactive", SequenceSpec("b")))]
    await settle()
    queue.leave(first)
    await asyncio.gather(*tasks)
    assert order == ["interactive", "young batch"]

    order.clear()
    first = await enter(queue, SequenceSpec("a", prompt_tokens=1))
    tasks = [asyncio.create_task(spec("old batch", SequenceSpec("old", request_class="batch")))]
    await settle()
    clock.now += 31
    tasks += [asyncio.create_task(spec(f"interactive {n}", SequenceSpec("b", prompt_tokens=10))) for n in range(5)]
    await settle()
    queue.leave(first)
    await asyncio.gather(*tasks)
    assert order.index("old batch") <= 1


@pytest.mark.parametrize(("weight", "service"), [(1.0, 70), (2.0, 35)])
def test_what_a_sequence_costs_its_tenant(weight: float, service: float) -> None:
    """10 tokens of its prompt, and 30 of its answer, which count twice; a tenant of twice the weight pays half."""
    queue = Queue(1, Clock())
    queue.join(SequenceSpec("a", weight, prompt_tokens=10), lambda entry: None).charge(30)
    assert queue.queues["interactive"].counters == {"a": service}
