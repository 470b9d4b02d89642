"""A client that has closed its side of the connection, which may mean two things."""

import asyncio
import select
from collections.abc import Callable


class HalfClosed:
    """It has sent all that it will send, and reads on; or it has gone. Both look the same until something is sent to
    it: only the kernel of one that has gone answers with a reset.

    So `ask` sends something, at once and again each `interval` seconds; the reset aborts the transport. The loop does
    not watch for that by itself, because there is nothing more to read. Raises OSError if no descriptor is left.
    """

    def __init__(self, transport: asyncio.Transport, ask: Callable[[], None], interval: float = 15.0) -> None:
        self.ask, self.interval, self.loop = ask, interval, asyncio.get_running_loop()
        self.resets = select.epoll()
        self.resets.register(transport.get_extra_info("socket").fileno(), 0)  # EPOLLHUP comes without being asked for
        self.loop.add_reader(self.resets.fileno(), transport.abort)
        self.timer = self.loop.call_soon(self.ask_again)

    def ask_again(self) -> None:
        self.timer = self.loop.call_later(self.interval, self.ask_again)
        self.ask()

    def close(self) -> None:
        self.timer.cancel()
        self.loop.remove_reader(self.resets.fileno())
        self.resets.close()
