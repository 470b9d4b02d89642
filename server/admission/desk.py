"""The desk at the door: hands out tickets, takes them back, and keeps the books."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args

from server.admission.appointments import Appointments
from server.admission.deadline import Deadline, Stage, TimeLimit
from server.admission.lane import Visit
from server.admission.limit import Limit
from server.admission.queue import Queue
from server.admission.ticket import Ticket
from server.errors import Expired, Outcome, Overloaded, RequestError
from server.settings import Traffic

REASONS = ("max_concurrency", "max_waiting_tokens", "queue_timeout")


class Desk:
    """One for the whole server: `seats` and `waiting_tokens` say how many, `queue` who next, a `Deadline` until when.

    Counts sequences: `admitted_total` is always the sum of `finished` plus what is inside.
    """

    def __init__(
        self,
        traffic: Traffic,
        clock: Callable[[], float] = time.monotonic,
        random_source: random.Random | None = None,
    ) -> None:
        self.traffic, self.clock = traffic, clock
        self.seats = Limit(traffic.max_concurrency)
        self.waiting_tokens = Limit(traffic.max_waiting_tokens)
        self.queue = Queue(traffic.concurrency, clock)
        self.appointments = Appointments(clock, random_source or random.Random())
        self.tickets: set[Ticket] = set()
        self.admitted_total = 0
        self.rejected: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.would_reject: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.finished: Counter[Outcome] = Counter(dict.fromkeys(get_args(Outcome), 0))
        self.expired: Counter[TimeLimit] = Counter(dict.fromkeys([*get_args(Stage), "timeout"], 0))
        self.empty = asyncio.Event()
        self.empty.set()

    @contextmanager
    def admit(self, patience: float = math.inf) -> Iterator[Ticket]:
        """Take one seat for the current task, and give back all that the ticket has come to hold.

        `patience`: seconds that the client is ready to wait. Raises Overloaded, or Expired if that is too short.
        """
        task = asyncio.current_task()
        assert task is not None
        patience = min(patience, self.traffic.queue_timeout or math.inf)
        self.check_wait(patience)
        self.take_seats(1)
        ticket = Ticket(self, task, self.deadline(patience))
        self.tickets.add(ticket)
        self.empty.clear()
        try:
            yield ticket
        finally:
            self.tickets.remove(ticket)
            self.seats.give_back(ticket.seats)
            ticket.prefilled(ticket.waiting_tokens)
            self.finished[ticket.outcome] += ticket.seats
            if not self.tickets:
                self.empty.set()

    def deadline(self, patience: float) -> Deadline:
        traffic = self.traffic
        limits: dict[Stage, float | None] = {
            "queue_timeout": None if patience == math.inf else patience,
            "first_token_timeout": traffic.first_token_timeout,
            "stall_timeout": traffic.stall_timeout,
            "send_timeout": traffic.send_timeout,
        }
        return Deadline(traffic.timeout, limits, self.clock())

    def check_wait(self, patience: float) -> None:
        wait = self.queue.predicted_wait(Visit())
        if wait > patience:
            self.reject(
                Expired(
                    f"The wait would be about {wait:.0f} s, and this request has {patience:g} s.",
                    code="queue_timeout",
                    retry_after=self.retry_after(),
                )
            )

    def take_seats(self, seats: int) -> None:
        """Raises Overloaded, and then has taken none."""
        if not self.seats.has_room(seats):
            self.reject(
                Overloaded(
                    f"The server is full: all {self.seats.capacity} seats (max_concurrency) are taken.",
                    code="max_concurrency",
                    retry_after=self.retry_after(),
                )
            )
        self.seats.take(seats)
        self.admitted_total += seats

    def take_waiting_tokens(self, tokens: int) -> None:
        """A prompt that is alone always fits, however long it is. Raises Overloaded, and then has taken none."""
        if self.waiting_tokens.taken and not self.waiting_tokens.has_room(tokens):
            self.reject(
                Overloaded(
                    f"{self.waiting_tokens.taken} tokens of prompts wait already, and this one has {tokens}: more than "
                    f"{self.waiting_tokens.capacity} (max_waiting_tokens).",
                    code="max_waiting_tokens",
                    retry_after=self.retry_after(),
                )
            )
        self.waiting_tokens.take(tokens)

    def reject(self, error: RequestError) -> None:
        """Raises it, unless `traffic.enforce` is off: then it is only counted."""
        reason = str(error.code)
        if not self.traffic.enforce:
            self.would_reject[reason] += 1
            return
        self.rejected[reason] += 1
        raise error

    def retry_after(self) -> float:
        """Seconds after which trying again makes sense."""
        return self.appointments.make(self.queue.waiting, self.queue.rate())

    def interrupt_all(self, reason: RequestError) -> None:
        for ticket in list(self.tickets):
            ticket.interrupt(reason)
