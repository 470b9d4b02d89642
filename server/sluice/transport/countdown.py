"""Many who each have the same time for something, and one timer for all of them."""

import asyncio
from collections import OrderedDict
from typing import Protocol

AT_ONCE = 100
"""How many are cut in one turn of the loop."""


class Waiting(Protocol):
    def cut(self) -> None:
        """Its time is over."""


class Countdown:
    """Who comes last has the longest to go: the first of the line is the next whose time is over. `seconds`: of each.

    To come and to go are one step each, however many there are.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = OrderedDict[Waiting, float]()
        self.timer: asyncio.TimerHandle | None = None

    def add(self, waiting: Waiting) -> None:
        loop = asyncio.get_running_loop()
        self.until[waiting] = loop.time() + self.seconds
        if self.timer is None:
            self.timer = loop.call_later(self.seconds, self.look)

    def discard(self, waiting: Waiting) -> None:
        self.until.pop(waiting, None)

    def waited(self) -> float:
        """Seconds that the first of the line has been in it; 0 if nobody is."""
        if not self.until:
            return 0.0
        return self.seconds - (next(iter(self.until.values())) - asyncio.get_running_loop().time())

    def cut_first(self) -> bool:
        """Whether there was one."""
        if not self.until:
            return False
        waiting, _ = self.until.popitem(last=False)
        waiting.cut()
        return True

    def finish(self) -> None:
        """The time of all of them is over."""
        self.seconds = 0.0
        self.until = OrderedDict.fromkeys(self.until, 0.0)
        self.stop()
        self.look()

    def stop(self) -> None:
        """For when nobody is left."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def look(self) -> None:
        """Cut those whose time is over, and look again when the next one's is."""
        loop = asyncio.get_running_loop()
        now, self.timer = loop.time(), None
        for _ in range(AT_ONCE):
            if not self.until or next(iter(self.until.values())) > now:
                break
            self.cut_first()
        if self.until:
            self.timer = loop.call_at(next(iter(self.until.values())), self.look)
