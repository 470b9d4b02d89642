"""A measurement as a person waits for it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console
from rich.status import Status

T = TypeVar("T")


async def watched(measuring: Callable[[asyncio.Event, Status], Awaitable[T]], first: str) -> T:
    """Measure, with a spinner on a terminal, until Ctrl-C or SIGTERM at the longest; a second one ends the process.

    `first` is what the spinner says first.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    with Console(stderr=True).status(first, refresh_per_second=2) as status:
        return await measuring(stop, status)
