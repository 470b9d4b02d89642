"""From the deltas of one answer to the events of its stream; and what becomes of them when the loop is late."""

import asyncio
from collections.abc import Sequence

from sluice.engine.base import Delta, More, Pace
from sluice.engine.parser import Parser
from sluice.transport.event_stream import EventStream
from sluice.wire.endpoint import Encoder

LONGEST = 0.005
"""Seconds for which a token may wait for others to share its event."""
NOTHING = More()


class StreamSink:
    """One sequence's. One event a token, and one write an event, unless more has come by the time that it is sent.

    Then they share a write; with `coalesce` an event, too, the first token excepted.
    """

    __slots__ = ("coalesce", "encoder", "events", "has_waited", "held", "index", "pace", "plain", "thought", "timer")

    def __init__(self, index: int, encoder: Encoder, events: EventStream, pace: Pace, coalesce: bool) -> None:
        self.index, self.encoder, self.events, self.pace, self.coalesce = index, encoder, events, pace, coalesce
        self.plain, self.thought = encoder.frames[index], encoder.thoughts[index]
        self.has_waited = False
        self.held: tuple[Delta, ...] = ()
        self.timer: asyncio.Handle | None = None

    reasoning_tokens = 0

    def put(self, delta: Delta) -> None:
        """The next delta."""
        if self.pace.is_late or self.held:
            self.put_late(delta)
        elif delta.finish_reason is None and delta.logprobs is None and delta.more is None and self.plain is not None:
            self.events.write(self.plain.fill(delta.text))
        else:
            self.send((delta,))

    def think(self, text: str, tokens: int) -> None:
        """The next delta, which is only reasoning."""
        if self.thought is None or self.pace.is_late or self.held:
            self.put(Delta("", tokens, None, None, More(reasoning=text)))
        else:
            self.events.write(self.thought.fill(text))

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
        self.plain, self.thought = self.encoder.frames[self.index], self.encoder.thoughts[self.index]
        if deltas[-1].finish_reason is not None:
            self.events.write_last(events)
        elif events:
            self.events.write(events)


class ParsedSink:
    """Puts a parser between a sequence and its sink; `ids`: of all its tokens. `tells_ids`: its deltas have theirs.

    `held`: tokens that have made no event yet.
    """

    def __init__(self, parser: Parser, sink: StreamSink, tells_ids: bool) -> None:
        self.parser, self.sink, self.tells_ids = parser, sink, tells_ids
        self.ids = list[int]()
        self.held = 0

    def put(self, delta: Delta) -> None:
        told, is_last = delta.more or NOTHING, delta.finish_reason is not None
        self.ids += told.ids
        parsed = self.parser.piece(delta.text, told.ids, is_last)
        tokens, self.held = self.held + delta.tokens, 0
        ids = told.ids if self.tells_ids else ()
        if not (parsed.text or parsed.calls or is_last or ids) and delta.logprobs is None:
            if parsed.reasoning:
                self.sink.think(parsed.reasoning, tokens)
            else:
                self.held = tokens  # it holds this back, or it was a marker
            return
        more = None
        if ids or told.stop_reason is not None or parsed.reasoning or parsed.calls:
            more = More(ids, told.stop_reason, parsed.reasoning, parsed.calls)
        self.sink.put(Delta(parsed.text, tokens, delta.finish_reason, delta.logprobs, more))

    @property
    def reasoning_tokens(self) -> int:
        return self.parser.reasoning_tokens(self.ids)


def merged(deltas: Sequence[Delta]) -> Delta:
    logprobs = [logprob for delta in deltas for logprob in delta.logprobs or ()]
    told = [delta.more for delta in deltas if delta.more is not None]
    return Delta(
        "".join(delta.text for delta in deltas),
        sum(delta.tokens for delta in deltas),
        deltas[-1].finish_reason,
        tuple(logprobs) if deltas[0].logprobs is not None else None,
        merged_more(told) if told else None,
    )


def merged_more(told: Sequence[More]) -> More:
    return More(
        tuple(token for more in told for token in more.ids),
        told[-1].stop_reason,
        "".join(more.reasoning for more in told),
        tuple(call for more in told for call in more.calls),
        told[0].prompt,
    )
