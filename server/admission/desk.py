"""The desk at the door: hands out tickets, takes them back, and keeps the books."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from server.admission.limit import Limit
from server.admission.queue import Queue
from server.admission.ticket import Ticket
from server.errors import Outcome, Overloaded, RequestError


class Desk:
    """One for the whole server: `limit` says how many, `queue` who next.

    Counts sequences: `admitted_total` is always the sum of `finished` plus what is inside.
    """

    def __init__(self, concurrency: int | None, max_concurrency: int | None) -> None:
        self.limit = Limit(max_concurrency)
        self.queue = Queue(concurrency)
        self.tickets: set[Ticket] = set()
        self.admitted_total = 0
        self.rejected: Counter[str] = Counter({"max_concurrency": 0})
        self.finished: Counter[Outcome] = Counter(dict.fromkeys(get_args(Outcome), 0))
        self.empty = asyncio.Event()
        self.empty.set()

    @contextmanager
    def admit(self) -> Iterator[Ticket]:
        """Take one seat for the current task, and give back all that the ticket has come to hold. Raises Overloaded."""
        task = asyncio.current_task()
        assert task is not None
        ticket = Ticket(self.take, task)
        self.tickets.add(ticket)
        self.empty.clear()
        try:
            yield ticket
        finally:
            self.tickets.remove(ticket)
            self.limit.give_back(ticket.seats)
            self.finished[ticket.outcome] += ticket.seats
            if not self.tickets:
                self.empty.set()

    def take(self, seats: int) -> None:
        if not self.limit.take(seats):
            self.rejected["max_concurrency"] += 1
            raise Overloaded(
                f"The server is full: all {self.limit.capacity} seats (max_concurrency) are taken. Try again later.",
                code="max_concurrency",
                retry_after=self.retry_after(),
            )
        self.admitted_total += seats

    def retry_after(self) -> int:
        """Seconds after which trying again makes sense."""
        return 1

    def interrupt_all(self, reason: RequestError) -> None:
        for ticket in list(self.tickets):
            ticket.interrupt(reason)
