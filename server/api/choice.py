"""One of the sequences that make an answer, on its way from the queue through the engine to the client."""

from typing import TYPE_CHECKING

from server.admission import Turn
from server.engine.base import Delta, Sequence
from server.errors import RequestError

if TYPE_CHECKING:
    from server.api.generation import Generation


class Choice:
    """The engine's receiver: it keeps the books of each delta and hands it on. What it does here, it does per token."""

    __slots__ = ("generation", "index", "last_at", "sequence", "turn")

    def __init__(self, generation: "Generation", index: int) -> None:
        self.generation, self.index = generation, index
        self.turn: Turn | None = None
        self.sequence: Sequence | None = None
        self.last_at = 0.0

    def join(self) -> None:
        """Wait for a place in the batch."""
        visit = self.generation.ticket.visit(len(self.prompt))
        self.turn = self.generation.desk.queue.join(visit, self.begin)

    @property
    def prompt(self) -> list[int]:
        return self.generation.prompts[self.index // self.generation.request.n]

    def begin(self, turn: Turn) -> None:
        """Hand the sequence to the engine: its place is there."""
        generation = self.generation
        self.turn = turn
        generation.times.queue.observe(turn.started - turn.arrived)
        if generation.ticket.reason is not None:
            return  # it is about to leave
        try:
            name, sampling = f"{generation.request.id}-{self.index}", generation.samplings[self.index]
            self.sequence = generation.engine.submit(name, self.prompt, sampling, self)
        except RequestError as error:
            generation.fail(error)
            return
        if self.sequence.can_pause:
            turn.guest = self.sequence
        generation.note_accepted()

    def put(self, delta: Delta) -> None:
        generation, turn = self.generation, self.turn
        assert turn is not None
        ticket, now, tokens = generation.ticket, generation.clock(), delta.tokens
        generation.completion_tokens += tokens
        ticket.tokens_used += tokens
        turn.charge(tokens)
        if self.last_at:
            generation.times.inter_token.observe(now - self.last_at)
            if generation.is_read:
                deadline = ticket.deadline
                deadline.stage_end = now + deadline.allowance
        else:
            generation.note_first(self.index, now)
        self.last_at = now
        if delta.finish_reason is None:
            generation.sink(self.index, delta)
            return
        generation.desk.queue.leave(turn)  # the place is free now, however slowly the client reads
        generation.sink(self.index, delta)
        generation.note_last()

    def fail(self, error: RequestError) -> None:
        self.generation.fail(error)

    def close(self) -> None:
        if self.sequence is not None:
            self.sequence.abort()
        if self.turn is not None:
            self.generation.desk.queue.leave(self.turn)
