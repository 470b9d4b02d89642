"""The ticket: what one request holds while it is inside, released exactly once, with an outcome."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from sluice.admission.account import Account
from sluice.admission.deadline import TICK, Deadline, Reading, Stage, Standing, TimeLimit
from sluice.admission.entry import SequenceSpec
from sluice.admission.rate import Rate
from sluice.errors import Expired, Outcome, RequestError

STOOD_STILL_S = 0.5
"""A look that comes later than that has had to wait for this process itself."""
EXPIRED: dict[TimeLimit, str] = {
    "queue_timeout": "The request waited too long for its turn",
    "first_token_timeout": "The first token took too long",
    "stall_timeout": "The next token took too long",
    "send_timeout": "The client does not read its answer",
    "timeout": "The request took too long",
}


class Ticket:
    """Made by `AdmissionController.admit`, and given back to its `release`, once: when the answer is sent, or nothing
    serves the request any more.

    `holds`: what has to be let go of before its seats are. `taken` tells how many bytes the client has taken.
    `waiting_tokens` are its prompts' until their prefill; `tokens` what was taken from `bucket` for it; `prompt_tokens`
    and `completion_tokens` are what it has used in the end. `reason`: why it was interrupted; `error`: what it has
    ended with, None if nothing went wrong.
    """

    def __init__(self, account: Account, deadline: Deadline, clock: Callable[[], float]) -> None:
        self.account, self.deadline, self.clock = account, deadline, clock
        self.task: asyncio.Task[object] | None = None
        self.alarm: asyncio.TimerHandle | None = None
        self.due = 0.0
        self.request_class = account.class_of(None)
        self.arrived = clock()
        self.seats = 1
        self.waiting_tokens = self.tokens = self.prompt_tokens = self.completion_tokens = 0
        self.bucket: Rate | None = None
        self.taken: Callable[[], int] = int
        self.outcome: Outcome = "failed"
        self.reason: RequestError | None = None
        self.error: RequestError | None = None
        self.holds = ExitStack()

    def spec(self, prompt_tokens: int) -> SequenceSpec:
        """What the scheduler is told of one of its sequences."""
        return self.account.spec(self.request_class, prompt_tokens)

    def enter(self, stage: Stage) -> None:
        """From now on the time limit of this stage counts, beside that of the whole life."""
        self.deadline.enter(stage, self.clock())

    def watch(self, standing: Callable[[], Standing]) -> None:
        """From now on that of the stage that `standing` tells; see Deadline."""
        self.deadline.watch(standing)

    def wait_for_reader(self) -> None:
        """From now on it is the client's time that runs; whatever it takes begins it anew."""
        self.deadline.watch(Reading(self.taken, self.clock).standing)

    def set_alarm(self) -> None:
        """Interrupt the request when one of its time limits is reached. Raises Expired if one has been already."""
        if limit := self.deadline.over(self.clock()):
            raise Expired(f"{EXPIRED[limit]} ({limit}).", code=limit, retry_after=1)
        self.look_after(self.deadline.look_again(self.clock()))

    def look_after(self, seconds: float) -> None:
        self.due = self.clock() + seconds
        self.alarm = asyncio.get_running_loop().call_later(seconds, self.look)

    def look(self) -> None:
        """Whether a limit has been reached; else look again when the next one may be.

        If this process has stood still, then what has come meanwhile is taken first.
        """
        if self.clock() - self.due > STOOD_STILL_S:
            self.look_after(TICK)
            return
        try:
            self.set_alarm()
        except Expired as expired:
            self.interrupt(expired)

    def interrupt(self, reason: RequestError) -> None:
        """End the request wherever it is: what it awaits inside `interruptible` raises `reason`."""
        if self.reason is None:
            self.reason = reason
            if self.task is not None:
                self.task.cancel()

    def interruptible(self) -> "Interruptible":
        """For the task that serves the request."""
        return Interruptible(self)

    def conclude(self, error: RequestError | None) -> None:
        """Say what the request has ended with, before its last byte is sent; `release` books it."""
        if error is not None:  # its traceback knows all that the request was made of, this ticket among it
            error.__traceback__ = error.__context__ = None
        self.error = error
        self.outcome = "finished" if error is None else error.outcome

    def let_go(self) -> None:
        """Give up all that is not counted."""
        if self.alarm is not None:
            self.alarm.cancel()
        self.holds.close()


class Interruptible:
    """Turns the cancellation that `interrupt` sends the task into its reason."""

    __slots__ = ("ticket",)

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def __enter__(self) -> None:
        self.ticket.task = asyncio.current_task()
        if self.ticket.reason is not None:
            raise self.ticket.reason

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason, task = self.ticket.reason, self.ticket.task
        if isinstance(error, asyncio.CancelledError) and reason and task and task.uncancel() == 0:
            raise reason from None
