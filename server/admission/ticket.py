"""The ticket: what one request holds while it is inside, released exactly once, with an outcome."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.errors import Outcome, RequestError


class Ticket:
    """Made by `Desk.admit`, in the task that serves the request; nobody else makes one.

    `take` takes that many seats, or raises Overloaded and has taken none.
    """

    def __init__(self, take: Callable[[int], None], task: "asyncio.Task[object]") -> None:
        take(1)
        self.take = take
        self.seats = 1
        self.task = task
        self.outcome: Outcome = "failed"
        self.reason: RequestError | None = None

    def extend(self, seats: int) -> None:
        """Take more seats, for `n > 1`. Raises Overloaded, and then has taken none."""
        self.take(seats)
        self.seats += seats

    def interrupt(self, reason: RequestError) -> None:
        """End the request wherever it is: what it awaits inside `interruptible` raises `reason`."""
        if self.reason is None:
            self.reason = reason
            self.task.cancel()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Turns the cancellation that `interrupt` sent into its reason."""
        try:
            yield
        except asyncio.CancelledError:
            if self.reason is None or self.task.uncancel() > 0:
                raise
            raise self.reason from None
