"""How long the event loop is held: CPU of its own thread, so that neighbours on the machine do not count."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

TICK_S = 0.002


class Held:
    """`longest`: CPU seconds that the loop's thread spent between two of its turns, at most, so far."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(TICK_S)
            self.longest = max(self.longest, time.thread_time() - before)


@contextmanager
def old_heap_left_out() -> Iterator[None]:
    """The session's own heap is no server's, and would be gone through by whichever thread is at hand."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    """`async with held() as loop: ...; assert loop.longest < 0.05`. Whoever asks should do so on another thread."""
    loop = Held()
    with old_heap_left_out():
        watching = asyncio.create_task(loop.watch())
        try:
            yield loop
            await asyncio.sleep(2 * TICK_S)
        finally:
            watching.cancel()
