"""An event loop whose time jumps to the next timer when nothing else is to be done."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class Selector(selectors.SelectSelector):
    """Waits for nothing: it moves the loop's time on, or says that all is quiet."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self.loop.quiet(timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For what uses no sockets. `now` is its time in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.settled: asyncio.Future[None] | None = None
        selector = Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def quiet(self, timeout: float | None) -> None:
        """Nothing can be done for `timeout` seconds; None: for ever."""
        if self.settled is not None:
            self.settled.set_result(None)
            self.settled = None
            return
        assert timeout is not None, "everybody waits, and nothing will come"
        self.now += timeout

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """What a thread does takes no time."""
        done = self.create_future()
        done.set_result(func(*args))
        return done

    def settle(self) -> None:
        """Do all that can be done without time passing."""
        self.settled = self.create_future()
        self.run_until_complete(self.settled)

    def turn(self, times: int) -> None:
        """Go round that many times."""
        for _ in range(times):
            self.run_until_complete(asyncio.sleep(0))

    def advance(self, seconds: float) -> None:
        self.run_until_complete(asyncio.sleep(seconds))
