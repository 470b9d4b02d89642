"""Saying something on stderr, on which nothing depends: it may be lost, but it neither raises nor waits."""

import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

PATIENCE_MS = 20
"""What a reader that is only late gets; nobody waits again before it has read."""


class Unfailing(io.RawIOBase):
    """Writes to a descriptor, which stays open. What it does not take is lost: nobody reads, or the disk is full."""

    lock = threading.Lock()  # of all of them: between the look and the write, no other may take the room

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.is_stuck = descriptor, False
        self.room = select.poll()
        self.room.register(descriptor, select.POLLOUT)

    def write(self, data: Any) -> int:
        for start in range(0, len(data), select.PIPE_BUF):  # where there is room, there is for so much
            with self.lock, suppress(OSError):
                self.is_stuck = not self.room.poll(0 if self.is_stuck else PATIENCE_MS)
                if not self.is_stuck:
                    os.write(self.descriptor, data[start : start + select.PIPE_BUF])
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)


def unfailing(descriptor: int) -> TextIO:
    """A text stream that writes line by line."""
    return io.TextIOWrapper(io.BufferedWriter(Unfailing(descriptor)), errors="backslashreplace", line_buffering=True)


@contextmanager
def unfailing_stderr() -> Iterator[None]:
    """Inside, `sys.stderr` is such a stream; and what the process was started without is there, and leads nowhere."""
    for descriptor in range(3):  # one that is closed would be taken by what is opened next, such as a connection
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    with redirect_stdout(sys.stdout or unfailing(1)), redirect_stderr(unfailing(2)):
        yield


def tell(line: str) -> None:
    """A line of ours, for people."""
    with suppress(OSError, ValueError):  # where stderr is somebody else's
        print(f"sluice: {line}", file=sys.stderr)
