"""Seats: exact, all or nothing, given back once with an outcome."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.admission import Account, AdmissionController, Tenants
from sluice.admission.entry import SequenceSpec
from sluice.admission.scheduler import STARTS_A_TURN
from sluice.errors import Disconnected, Outcome, Overloaded
from sluice.settings import Traffic
from tests.admission.tickets import admitted


def nobody() -> Account:
    return Tenants([], {}).identify(None)


def controller_of(max_concurrency: int | None) -> AdmissionController:
    return AdmissionController(Traffic(max_concurrency=max_concurrency))


async def test_the_seat_after_the_last_is_refused() -> None:
    controller = controller_of(2)
    with admitted(controller, nobody()), admitted(controller, nobody()):
        with pytest.raises(Overloaded) as refusal, admitted(controller, nobody()):
            pass
        assert (refusal.value.code, refusal.value.retry_after) == ("max_concurrency", 1)
    assert (controller.seats.taken, controller.seats.peak, controller.rejected["max_concurrency"]) == (0, 2, 1)


async def test_further_seats_are_all_or_nothing() -> None:
    controller = controller_of(4)
    with admitted(controller, nobody()) as first, admitted(controller, nobody()) as second:
        controller.extend(first, 1)
        with pytest.raises(Overloaded):
            controller.extend(second, 2)
        assert (controller.seats.taken, second.seats) == (3, 1)
    assert controller.seats.taken == 0


async def test_both_limits_unset_let_everyone_in() -> None:
    controller = controller_of(None)
    for _ in range(1000):
        controller.take_seats(nobody(), 1)
        controller.scheduler.join(SequenceSpec(), lambda entry: None)
    for _ in range(1000 // STARTS_A_TURN):
        await asyncio.sleep(0)
    assert (controller.seats.taken, controller.scheduler.running) == (1000, 1000)


async def test_an_interrupted_ticket_raises_its_reason_and_the_task_goes_on() -> None:
    controller = controller_of(None)
    with admitted(controller, nobody()) as ticket:
        asyncio.get_running_loop().call_soon(ticket.interrupt, Disconnected("gone"))
        with pytest.raises(Disconnected, match="gone"), ticket.interruptible():
            await asyncio.Event().wait()
        ticket.interrupt(Disconnected("again"))  # the first reason stays, and nothing is cancelled again
        await asyncio.sleep(0)
        assert str(ticket.reason) == "gone"
    assert controller.empty.is_set()


async def test_a_cancellation_that_is_not_the_tickets_passes_through() -> None:
    controller = controller_of(None)

    async def serve() -> None:
        with admitted(controller, nobody()) as ticket, ticket.interruptible():
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert controller.seats.taken == 0
    assert controller.finished["failed"] == 1


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["finished", "aborted", "failed"]))))
def test_the_books_balance(capacity: int, requests: list[tuple[int, Outcome]]) -> None:
    async def ask(controller: AdmissionController, seats: int, outcome: Outcome) -> None:
        try:
            with admitted(controller, nobody()) as ticket:
                await asyncio.sleep(0)
                controller.extend(ticket, seats - 1)
                assert controller.seats.taken <= capacity
                await asyncio.sleep(0)
                ticket.outcome = outcome
        except Overloaded:
            pass

    async def run() -> AdmissionController:
        controller = controller_of(capacity)
        await asyncio.gather(*(ask(controller, seats, outcome) for seats, outcome in requests))
        return controller

    controller = asyncio.run(run())
    assert controller.seats.taken == 0
    assert controller.admitted_total == sum(controller.finished.values())
    assert controller.seats.peak <= capacity
