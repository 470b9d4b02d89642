"""From the deltas of one answer to the events of its stream; and what becomes of them when the loop is late."""

import asyncio
from collections.abc import Iterable

from server.engine.base import Delta, Pace
from server.openai.chunks import Chunks
from server.streaming.response import EventStream

LONGEST = 0.005
"""Seconds for which a token may wait for others to share its event."""


class Relay:
    """One event a token, and one write an event, unless more of the same stream has come by the time that it is sent.

    Then they share a write; with `coalesce` an event, too, the first token of a sequence excepted.
    """

    def __init__(self, chunks: Chunks, events: EventStream, pace: Pace, coalesce: bool) -> None:
        self.chunks, self.events, self.pace, self.coalesce = chunks, events, pace, coalesce
        self.begun = set[int]()
        self.held: list[tuple[int, Delta]] = []
        self.timer: asyncio.Handle | None = None

    def put(self, index: int, delta: Delta) -> None:
        """The next delta of sequence number `index`."""
        is_late = self.pace.is_late
        if not self.held and (not is_late or self.is_first(index)):
            self.events.write(self.chunks.delta(index, delta))
            return
        self.held.append((index, delta))
        if not is_late:
            self.flush()
        elif self.timer is None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(LONGEST, self.flush) if self.coalesce else loop.call_soon(self.flush)

    def is_first(self, index: int) -> bool:
        """Whether nobody has asked for this sequence yet: what is first never waits."""
        if index in self.begun:
            return False
        self.begun.add(index)
        return True

    def flush(self) -> None:
        """Write what is held back."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        held, self.held = self.held, []
        if held:
            together = merged(held) if self.coalesce else held
            self.events.write(b"".join(self.chunks.delta(index, delta) for index, delta in together))


def merged(held: Iterable[tuple[int, Delta]]) -> Iterable[tuple[int, Delta]]:
    """One delta a sequence."""
    together: dict[int, list[Delta]] = {}
    for index, delta in held:
        together.setdefault(index, []).append(delta)
    for index, deltas in together.items():
        logprobs = [logprob for delta in deltas for logprob in delta.logprobs or ()]
        yield (
            index,
            Delta(
                "".join(delta.text for delta in deltas),
                sum(delta.tokens for delta in deltas),
                deltas[-1].finish_reason,
                tuple(logprobs) if deltas[0].logprobs is not None else None,
            ),
        )
