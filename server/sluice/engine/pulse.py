"""Whether the engine makes progress: with work it owes a step, and still owes it when the work has gone."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count

from sluice.engine.base import Delta, Engine, EngineSequence, Sampling
from sluice.errors import RequestError

QUESTION = "1"


class Pulse:
    """To be looked at now and then.

    A hung engine ends up with nothing to do, because those who wait for it give up. So where work has gone and no step
    has been seen, a sequence of one token is put into the engine; it is in no books of ours, and ends with the next
    step, whoever's that is.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self.engine, self.clock = engine, clock
        self.owed_since: float | None = None
        self.question: EngineSequence | None = None
        self.numbers = count()

    async def look(self, is_busy: bool) -> None:
        """`is_busy`: the engine has work of ours."""
        if not self.owes():
            self.owed_since = self.clock() if is_busy else None
            self.stop()
        elif not is_busy and self.question is None:
            with suppress(RequestError):  # it is about to be found dead
                prompt = await self.engine.render(QUESTION)
                self.question = self.engine.submit(f"pulse-{next(self.numbers)}", prompt, Sampling(max_tokens=1), self)

    def silence(self) -> float:
        """Seconds for which the engine has owed a step, to within the time between two looks."""
        return self.clock() - self.owed_since if self.owed_since is not None and self.owes() else 0.0

    def owes(self) -> bool:
        return self.owed_since is not None and self.engine.last_step() <= self.owed_since

    def reset(self) -> None:
        """The engine is another one, or gets its time anew."""
        self.owed_since = None
        self.stop()

    def stop(self) -> None:
        """Leave nothing in the engine."""
        if self.question is not None:
            self.question.abort()
            self.question = None

    def put(self, delta: Delta) -> None:
        """Its answer: what counts is when the engine has stepped."""

    def fail(self, error: RequestError) -> None:
        self.question = None
