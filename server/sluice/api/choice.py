"""One of the sequences that make an answer, on its way from the queue through the engine to the client."""

from collections.abc import Callable
from typing import Protocol

from sluice.admission import Entry
from sluice.engine.base import Delta, EngineSequence
from sluice.errors import RequestError
from sluice.telemetry.histogram import Histogram


class Sink(Protocol):
    """Whom the deltas of a sequence are for."""

    def put(self, delta: Delta) -> None:
        """The next one; must not block."""


class Progress(Protocol):
    """Who is told how far a choice has come."""

    def note_first(self, index: int, now: float) -> None:
        """Its first delta has come: its prompt is prefilled."""

    def note_last(self, entry: Entry) -> None:
        """It has finished."""

    def fail(self, error: RequestError) -> None:
        """The engine has given up on it."""


class Choice:
    """The engine's receiver: it keeps the books of each delta and hands it on.

    `put` runs once a token, and a batch later all of this has left the processor's caches: what it needs is in the
    choice itself. `last_at`: when the last came, negative before the first. `entry` is its
    place in the batch, or where it waits for one; `sequence` what the engine knows it as.
    """

    __slots__ = ("clock", "entry", "index", "inter_token", "last_at", "progress", "sequence", "sink")

    def __init__(
        self, index: int, sink: Sink, progress: Progress, clock: Callable[[], float], inter_token: Histogram
    ) -> None:
        self.index, self.sink, self.progress = index, sink, progress
        self.clock, self.inter_token = clock, inter_token
        self.entry: Entry | None = None
        self.sequence: EngineSequence | None = None
        self.last_at = -1.0

    def put(self, delta: Delta) -> None:
        entry, now = self.entry, self.clock()
        assert entry is not None
        entry.charge(delta.tokens)
        if self.last_at >= 0:
            self.inter_token.observe(now - self.last_at)
        else:
            self.progress.note_first(self.index, now)
        self.last_at = now
        if delta.finish_reason is not None:
            self.progress.note_last(entry)  # its place is free now, however slowly the client reads
        self.sink.put(delta)

    def fail(self, error: RequestError) -> None:
        self.progress.fail(error)
