"""The admission controller: hands out tickets, takes them back, and keeps the books."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import get_args

from sluice.admission.account import Account
from sluice.admission.deadline import Deadline, Stage
from sluice.admission.limit import Limit
from sluice.admission.retry_after import RetryAfter
from sluice.admission.scheduler import Scheduler
from sluice.admission.ticket import Ticket
from sluice.errors import Expired, Outcome, Overloaded, RateLimited, RequestError
from sluice.settings import Traffic

REASONS = (
    "max_concurrency", "max_waiting_tokens", "queue_timeout", "tenant_max_concurrency", "requests_per_minute",
    "tokens_per_minute",
)  # fmt: skip


class AdmissionController:
    """One for the whole server: `seats` and `waiting_tokens` say how many, `scheduler` who next, a `Deadline` until
    when.

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
        self.scheduler = Scheduler(traffic.concurrency, clock)
        self.appointments = RetryAfter(clock, random_source or random.Random())
        self.tickets: set[Ticket] = set()
        self.admitted_total = 0
        self.rejected: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.would_reject: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.finished: Counter[Outcome] = Counter(dict.fromkeys(get_args(Outcome), 0))
        self.expired: Counter[str] = Counter(dict.fromkeys([*get_args(Stage), "timeout"], 0))
        self.empty = asyncio.Event()
        self.empty.set()

    def admit(self, account: Account, patience: float = math.inf) -> Ticket:
        """Take one seat; the ticket for it has to be released.

        `patience`: seconds that the client is ready to wait. Raises Overloaded, RateLimited, or Expired if the wait
        would be longer than that.
        """
        patience = min(patience, self.traffic.queue_timeout or math.inf)
        self.enforce(self.check_wait, account, patience)
        self.enforce(account.check_request)
        self.take_seats(account, 1)
        account.take_request()
        ticket = Ticket(account, self.deadline(patience), self.clock)
        self.tickets.add(ticket)
        self.empty.clear()
        return ticket

    def release(self, ticket: Ticket) -> None:
        """Give back all that the ticket has come to hold, and book what has become of it."""
        try:
            ticket.let_go()
        finally:
            self.tickets.remove(ticket)
            self.seats.give_back(ticket.seats)
            ticket.account.seats.give_back(ticket.seats)
            self.prefilled(ticket, ticket.waiting_tokens)
            if ticket.bucket:
                ticket.bucket.give_back(ticket.tokens - ticket.prompt_tokens - ticket.completion_tokens)
            self.book(ticket)
            if not self.tickets:
                self.empty.set()

    def book(self, ticket: Ticket) -> None:
        self.finished[ticket.outcome] += ticket.seats
        if isinstance(ticket.error, Expired):
            self.expired[str(ticket.error.code)] += ticket.seats

    def extend(self, ticket: Ticket, seats: int) -> None:
        """Take more seats for it, for `n > 1`. Raises Overloaded or RateLimited, and then has taken none."""
        self.take_seats(ticket.account, seats)
        ticket.seats += seats

    def prefilled(self, ticket: Ticket, tokens: int) -> None:
        """That many tokens of its prompts wait no longer."""
        self.waiting_tokens.give_back(tokens)
        ticket.waiting_tokens -= tokens

    def deadline(self, patience: float) -> Deadline:
        traffic = self.traffic
        limits: dict[Stage, float | None] = {
            "queue_timeout": None if patience == math.inf else patience,
            "first_token_timeout": traffic.first_token_timeout,
            "stall_timeout": traffic.stall_timeout,
            "send_timeout": traffic.send_timeout,
        }
        return Deadline(traffic.timeout, limits, self.clock())

    def check_wait(self, account: Account, patience: float) -> None:
        """Raises Expired if there would be no entry in time for one more of this tenant's sequences."""
        spec = account.spec(account.class_of(None), 0)
        wait = self.scheduler.predicted_wait(spec)
        if wait > patience and self.scheduler.claim(spec) is None:
            raise Expired(
                f"The wait would be about {wait:.0f} s, and this request has {patience:g} s.",
                code="queue_timeout",
                retry_after=self.retry_after(),
            )

    def take_seats(self, account: Account, seats: int) -> None:
        """Raises Overloaded or RateLimited, and then has taken none."""
        self.enforce(account.check_seats, seats)
        self.enforce(self.check_seats, seats)
        account.seats.take(seats)
        self.seats.take(seats)
        self.admitted_total += seats

    def check_seats(self, seats: int) -> None:
        if not self.seats.has_room(seats):
            raise Overloaded(
                f"The server is full: all {self.seats.capacity} seats (max_concurrency) are taken.",
                code="max_concurrency",
                retry_after=self.retry_after(),
            )

    def is_full(self) -> bool:
        """Whether one more would be refused for want of a seat."""
        return self.traffic.enforce and not self.seats.has_room(1)

    def take_tokens(self, ticket: Ticket, prompt: int, at_most: int) -> None:
        """Count its prompts among those that wait for their prefill, and take `at_most` tokens from its account.

        Raises Overloaded, RateLimited or InvalidRequest, and then has taken none.
        """
        account = ticket.account
        self.enforce(account.check_tokens, at_most)
        self.enforce(self.check_waiting_tokens, prompt)
        account.take_tokens(at_most)
        self.waiting_tokens.take(prompt)
        ticket.waiting_tokens, ticket.tokens, ticket.bucket = prompt, at_most, account.tokens

    def check_waiting_tokens(self, prompt: int) -> None:
        """A prompt that is alone always fits, however long it is."""
        if self.waiting_tokens.taken and not self.waiting_tokens.has_room(prompt):
            raise Overloaded(
                f"{self.waiting_tokens.taken} tokens of prompts wait already, and this one has {prompt}: more than "
                f"{self.waiting_tokens.capacity} (max_waiting_tokens).",
                code="max_waiting_tokens",
                retry_after=self.retry_after(),
            )

    def enforce(self, check: Callable[..., None], *arguments: object) -> None:
        """What the check raises is counted, and goes on unless `traffic.enforce` is off."""
        try:
            check(*arguments)
        except RequestError as error:
            reason = str(error.code)
            if isinstance(error, RateLimited) and reason == "max_concurrency":
                reason = "tenant_max_concurrency"
            if not self.traffic.enforce:
                self.would_reject[reason] += 1
                return
            self.rejected[reason] += 1
            raise

    def retry_after(self) -> float:
        """Seconds after which trying again makes sense."""
        return self.appointments.seconds(self.scheduler.waiting, self.scheduler.rate())

    def apply(self, traffic: Traffic, batch: int) -> None:
        """Go by other limits from now on; those inside may finish. `batch`: what `concurrency` comes to."""
        self.traffic = traffic
        self.seats.capacity = traffic.max_concurrency
        self.waiting_tokens.capacity = traffic.max_waiting_tokens
        self.scheduler.resize(batch)

    def interrupt_all(self, reason: RequestError) -> None:
        for ticket in list(self.tickets):
            ticket.interrupt(reason)
