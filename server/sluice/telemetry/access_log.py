"""Lines for a file descriptor that may be slow, full or closed: whoever writes one neither waits nor hears of it."""

import os
import select
from collections.abc import Iterable
from queue import SimpleQueue
from threading import Thread
from weakref import finalize

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

MOST_LINES = 10_000
"""That wait to be written; more are dropped, and counted."""
BATCH_LINES = 500
LAST_LINES_WAIT_S = 1.0
"""What a slow reader gets for what is left in the end."""


class AccessLog(Collector):
    """A thread writes the lines, from the first one to `stop`. `dropped`: those that were lost.

    It has a descriptor of its own: while an engine starts, this process' stdout is for what that says.
    """

    def __init__(self, descriptor: int) -> None:
        self.shared = descriptor
        self.open()
        self.lines: SimpleQueue[bytes | None] = SimpleQueue()
        self.dropped = 0
        self.is_torn = False
        self.thread: Thread | None = None

    def open(self) -> None:
        self.descriptor = os.dup(self.shared)
        self.close = finalize(self, os.close, self.descriptor)

    def collect(self) -> Iterable[Metric]:
        help_text = "Lines of the access log that were not written, as nobody read the others."
        yield CounterMetricFamily("sluice_access_log_dropped", help_text, value=self.dropped)

    def write(self, line: bytes) -> None:
        if self.thread is None:
            if not self.close.alive:
                self.open()
            self.thread = Thread(target=self.run, name="access-log", daemon=True)
            self.thread.start()
        if self.lines.qsize() < MOST_LINES:
            self.lines.put(line)
        else:
            self.dropped += 1

    def stop(self) -> None:
        """Write what is left, if that is done in a moment."""
        if self.thread is not None:
            self.lines.put(None)
            self.thread.join(LAST_LINES_WAIT_S)
            is_stuck, self.thread = self.thread.is_alive(), None
            if is_stuck:  # it may yet write, to what would be somebody else's by then
                return
        self.close()

    def run(self) -> None:
        is_last = False
        while not is_last:
            batch = [self.lines.get()]
            while batch[-1] is not None and len(batch) < BATCH_LINES and not self.lines.empty():
                batch.append(self.lines.get())
            is_last = batch[-1] is None
            lines = [line for line in batch if line is not None]
            try:
                self.write_all(b"".join(lines))
            except OSError:  # nobody reads it, or the disk is full: the next lines may do better
                self.dropped += len(lines)

    def write_all(self, data: bytes) -> None:
        """Raises OSError; what has been written then is no whole line, and is ended before the next."""
        unwritten = memoryview(b"\n" + data if self.is_torn else data)
        while unwritten:
            try:
                written = os.write(self.descriptor, unwritten)
            except BlockingIOError:  # whoever shares the pipe has made it so
                select.select([], [self.descriptor], [])
                continue
            unwritten = unwritten[written:]
            self.is_torn = bool(unwritten)
