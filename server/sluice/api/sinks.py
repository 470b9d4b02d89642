"""From the deltas of one answer to the events of its stream; and what becomes of them when the loop is late."""

import asyncio
from collections.abc import Sequence

from sluice.engine.base import Delta, Pace
from sluice.transport.event_stream import EventStream
from sluice.wire.endpoint import Encoder

LONGEST = 0.005
"""Seconds for which a token may wait for others to share its event."""


class StreamSink:
    """One sequence's. One event a token, and one write an event, unless more has come by the time that it is sent.

    Then they share a write; with `coalesce` an event, too, the first token excepted.
    """

    __slots__ = ("coalesce", "encoder", "events", "has_waited", "held", "index", "pace", "plain", "timer")

    def __init__(self, index: int, encoder: Encoder, events: EventStream, pace: Pace, coalesce: bool) -> None:
        self.index, self.encoder, self.events, self.pace, self.coalesce = index, encoder, events, pace, coalesce
        self.plain = encoder.frames[index]
        self.has_waited = False
        self.held: tuple[Delta, ...] = ()
        self.timer: asyncio.Handle | None = None

    def put(self, delta: Delta) -> None:
        """The next delta."""
        if self.pace.is_late or self.held:
            self.put_late(delta)
        elif delta.finish_reason is None and delta.logprobs is None:
            self.events.write(self.plain.fill(delta.text))
        else:
            self.send((delta,))

    def put_late(self, delta: Delta) -> None:
        if not self.held and not self.has_waited:
            self.has_waited = True  # not the first time: it may be the first token
            self.send((delta,))
            return
        self.held += (delta,)
        if not self.pace.is_late:
            self.flush()
        elif self.timer is None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(LONGEST, self.flush) if self.coalesce else loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is held back."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        held, self.held = self.held, ()
        if held:
            self.send((merged(held),) if self.coalesce else held)

    def send(self, deltas: Sequence[Delta]) -> None:
        events = b"".join(self.encoder.delta(self.index, delta) for delta in deltas)
        if deltas[-1].finish_reason is None:
            self.events.write(events)
        else:
            self.events.write_last(events)


def merged(deltas: Sequence[Delta]) -> Delta:
    logprobs = [logprob for delta in deltas for logprob in delta.logprobs or ()]
    return Delta(
        "".join(delta.text for delta in deltas),
        sum(delta.tokens for delta in deltas),
        deltas[-1].finish_reason,
        tuple(logprobs) if deltas[0].logprobs is not None else None,
    )
