"""One of the sequences that make an answer, on its way from the queue through the engine to the client."""

from typing import TYPE_CHECKING, Protocol

from sluice.admission import Entry
from sluice.engine.base import Delta, EngineSequence
from sluice.errors import RequestError

if TYPE_CHECKING:
    from sluice.api.generation import Generation


class Sink(Protocol):
    """Whom the deltas of a sequence are for."""

    def put(self, delta: Delta) -> None:
        """The next one; must not block."""


class Choice:
    """The engine's receiver: it keeps the books of each delta and hands it on.

    `put` runs once a token, and a batch later all of this has left the processor's caches: what it needs is in the
    choice itself. `tokens`: those it has had. `last_at`: when the last came, negative before the first.
    """

    __slots__ = ("clock", "entry", "generation", "index", "inter_token", "last_at", "sequence", "sink", "tokens")

    def __init__(self, generation: "Generation", index: int, sink: Sink) -> None:
        self.generation, self.index, self.sink = generation, index, sink
        self.clock, self.inter_token = generation.clock, generation.latencies.inter_token
        self.entry: Entry | None = None
        self.sequence: EngineSequence | None = None
        self.tokens, self.last_at = 0, -1.0

    def join(self) -> None:
        """Wait for a place in the batch."""
        spec = self.generation.ticket.spec(len(self.prompt))
        self.entry = self.generation.controller.queue.join(spec, self.begin)

    @property
    def prompt(self) -> list[int]:
        return self.generation.prompts[self.index // self.generation.request.n]

    def begin(self, entry: Entry) -> None:
        """Hand the sequence to the engine: its place is there."""
        generation = self.generation
        self.entry = entry
        generation.latencies.queue.observe(entry.started - entry.arrived)
        if generation.ticket.reason is not None:
            return  # it is about to leave
        try:
            name, sampling = f"{generation.request.id}-{self.index}", generation.samplings[self.index]
            self.sequence = generation.engine.submit(name, self.prompt, sampling, self)
        except RequestError as error:
            generation.fail(error)
            return
        if self.sequence.can_pause:
            entry.guest = self.sequence
        generation.note_accepted()

    def put(self, delta: Delta) -> None:
        entry, now, tokens = self.entry, self.clock(), delta.tokens
        assert entry is not None
        self.tokens += tokens
        entry.charge(tokens)
        if self.last_at >= 0:
            self.inter_token.observe(now - self.last_at)
        else:
            self.generation.note_first(self.index, now)
        self.last_at = now
        if delta.finish_reason is None:
            self.sink.put(delta)
            return
        self.generation.controller.queue.leave(entry)  # the place is free now, however slowly the client reads
        self.sink.put(delta)
        self.generation.note_last()

    def fail(self, error: RequestError) -> None:
        self.generation.fail(error)

    def close(self) -> None:
        if self.sequence is not None:
            self.sequence.abort()
        if self.entry is not None:
            self.generation.controller.queue.leave(self.entry)
        self.sequence = self.entry = None  # they know it, too
