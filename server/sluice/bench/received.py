"""Reads the answer to one attempt while it comes: status, headers, and the events of a stream."""

from collections.abc import Callable

import msgspec

from sluice.bench.record import Outcome

REFUSALS = frozenset({429, 503})
KEPT = 65536
"""Bytes of an answer that is no stream which are kept."""


class EventDelta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    role: str | None = None


class EventChoice(msgspec.Struct):
    delta: EventDelta = msgspec.field(default_factory=EventDelta)
    finish_reason: str | None = None


class EventUsage(msgspec.Struct):
    completion_tokens: int = 0


class Event(msgspec.Struct):
    choices: list[EventChoice] = msgspec.field(default_factory=list)
    usage: EventUsage | None = None
    error: object = None


decode = msgspec.json.Decoder(Event).decode


class Received:
    """`feed` gets the body's pieces; `tokens` is the server's own count where it sends one, else that of the events."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.rest = b""
        self.token_times: list[float] = []
        self.usage: EventUsage | None = None
        self.done = self.broken = False
        self.finish_reason: str | None = None

    def feed(self, piece: bytes) -> None:
        if self.status != 200 or not self.headers.get(b"content-type", b"").startswith(b"text/event-stream"):
            self.body += piece[: KEPT - len(self.body)]
            return
        *lines, self.rest = (self.rest + piece).split(b"\n")
        now = self.clock()
        for line in lines:
            if line.startswith(b"data:"):
                self.event(line[5:].strip(), now)

    def event(self, data: bytes, now: float) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            event = decode(data)
        except msgspec.DecodeError:
            self.broken = True
            return
        self.broken |= event.error is not None
        self.usage = event.usage or self.usage
        for choice in event.choices:
            self.finish_reason = choice.finish_reason or self.finish_reason
            delta = choice.delta
            if delta.content or delta.reasoning or delta.role is None:  # the opening one only names the role
                self.token_times.append(now)

    @property
    def tokens(self) -> int:
        return self.usage.completion_tokens if self.usage else len(self.token_times)

    def outcome(self) -> Outcome:
        """How it ended, now that nothing more comes."""
        if self.status in REFUSALS:
            return "refused"
        if self.status not in {0, 200}:
            return "failed"
        if self.broken:
            return "broken"
        return "finished" if self.done and self.finish_reason else "cut_off"
