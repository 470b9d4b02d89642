"""A sign of life for streams in which nothing happens: proxies close connections that are quiet."""

import asyncio
from typing import Protocol


class Quiet(Protocol):
    def ping(self) -> None:
        """Send a ping, if nothing has been sent since the last call."""
        ...


class Heartbeat:
    """One timer for all streams; it runs while there are any. `interval` in seconds."""

    def __init__(self, interval: float = 15.0) -> None:
        self.interval = interval
        self.streams = set[Quiet]()
        self.timer: asyncio.TimerHandle | None = None

    def add(self, stream: Quiet) -> None:
        self.streams.add(stream)
        if self.timer is None:
            self.wind()

    def discard(self, stream: Quiet) -> None:
        self.streams.discard(stream)
        if not self.streams and self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def wind(self) -> None:
        self.timer = asyncio.get_running_loop().call_later(self.interval, self.beat)

    def beat(self) -> None:
        for stream in list(self.streams):
            stream.ping()
        self.wind()
