"""The one way through which every answer is made: render, wait for turns, generate."""

import asyncio
from collections.abc import Iterable

import msgspec

from sluice.admission import AdmissionController, Entry, Ticket
from sluice.api.choice import Choice, Sink
from sluice.engine.base import Engine, GenerationRequest, ModelInfo, Sampling
from sluice.errors import ContextLengthExceeded, InvalidRequest, RequestError
from sluice.telemetry.latencies import Latencies


class Generation:
    """All sequences of one request; sequence `i` is number `i % n` of prompt `i // n`.

    `done` is set when all have finished, or to what ended the request early. `completion_tokens`: of all answers, at
    the end.
    """

    def __init__(
        self,
        request: GenerationRequest,
        ticket: Ticket,
        *,
        engine: Engine,
        model: ModelInfo,
        controller: AdmissionController,
        latencies: Latencies,
    ) -> None:
        self.request, self.ticket = request, ticket
        self.engine, self.model, self.controller, self.latencies = engine, model, controller, latencies
        self.clock = controller.clock
        self.prompts: list[list[int]] = []
        self.prefilled = set[int]()
        self.is_read = True
        self.samplings: list[Sampling] = []
        self.choices: list[Choice] = []
        self.unfinished = request.sequences
        self.completion_tokens = 0
        loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    @property
    def prompt_tokens(self) -> int:
        return sum(map(len, self.prompts))

    def last_token_at(self) -> float:
        return max(choice.last_at for choice in self.choices)

    async def prepare(self) -> None:
        """Take the other seats, render the prompts and take their tokens.

        Raises InvalidRequest, Overloaded or RateLimited.
        """
        seats = self.request.sequences
        both = (self.controller.seats.capacity, self.ticket.account.seats.capacity)
        most = min((limit for limit in both if limit is not None), default=seats)
        if seats > most and self.controller.traffic.enforce:
            raise InvalidRequest(
                f"{seats} sequences can never be inside at once: max_concurrency is {most}.", param="n"
            )
        if seats > 1:
            self.controller.extend(self.ticket, seats - 1)
        self.prompts = [await self.engine.render(prompt) for prompt in self.request.prompts]
        for tokens in self.prompts:
            self.check_fit(len(tokens))
        self.samplings = [self.sampling(index) for index in range(seats)]
        answers = sum(sampling.max_tokens or 0 for sampling in self.samplings)
        self.controller.take_tokens(self.ticket, self.prompt_tokens, self.prompt_tokens + answers)

    def check_fit(self, prompt_tokens: int) -> None:
        room = self.model.max_model_len - prompt_tokens
        wanted = self.request.sampling.max_tokens or 1
        if prompt_tokens == 0:
            raise InvalidRequest("The prompt is empty.", param="prompt")
        if wanted > room:
            raise ContextLengthExceeded(
                f"The model's context is {self.model.max_model_len} tokens: the prompt has {prompt_tokens}, and "
                f"{wanted} more {'are asked for' if wanted > 1 else 'is the least'}.",
                code="context_length_exceeded",
                param="max_tokens" if room > 0 else "messages",
            )

    def sampling(self, index: int) -> Sampling:
        """Sequence `index`'s own: the rest of the context if no length is asked for, and a seed of its own."""
        given = self.request.sampling
        room = self.model.max_model_len - len(self.prompt_of(index))
        return msgspec.structs.replace(
            given,
            max_tokens=given.max_tokens or min(room, self.model.max_tokens or room),
            seed=None if given.seed is None else given.seed + index % self.request.n,
        )

    async def start(self, sinks: Iterable[Sink]) -> None:
        """Wait for turns and hand the sequences to the engine; returns when it has accepted the first one.

        All deltas go to the sinks, one a sequence, from before it returns. Raises what refuses the request. Nothing
        runs or waits any more once the ticket is given back.
        """
        self.ticket.holds.callback(self.close)
        self.ticket.enter("queue_timeout")
        self.choices = [
            Choice(index, sink, self, self.clock, self.latencies.inter_token) for index, sink in enumerate(sinks)
        ]
        try:
            for choice in self.choices:
                self.join(choice)
            await self.accepted
        except BaseException:
            self.close()
            raise

    def join(self, choice: Choice) -> None:
        """Wait for a place in the batch."""
        spec = self.ticket.spec(len(self.prompt_of(choice.index)))
        choice.entry = self.controller.scheduler.join(spec, lambda entry: self.begin(choice, entry))

    def prompt_of(self, index: int) -> list[int]:
        return self.prompts[index // self.request.n]

    def begin(self, choice: Choice, entry: Entry) -> None:
        """Hand it to the engine: its place is there."""
        choice.entry, index = entry, choice.index
        if self.ticket.reason is not None:
            return  # it is about to leave
        self.latencies.queue.observe(entry.started - entry.arrived)
        try:
            name = f"{self.request.id}-{index}"
            sequence = self.engine.submit(name, self.prompt_of(index), self.samplings[index], choice)
        except RequestError as error:
            self.fail(error)
            return
        choice.sequence = sequence
        if sequence.can_pause:
            entry.guest = sequence
        self.note_accepted()

    async def finish(self) -> None:
        """Wait until all sequences have finished. Raises what ends the request early; then nothing runs any more."""
        try:
            await self.done
        finally:
            self.close()

    def note_accepted(self) -> None:
        """The engine has taken one of the sequences."""
        if not self.prefilled:
            self.ticket.enter("first_token_timeout")
        if not self.accepted.done():
            self.accepted.set_result(None)

    def note_first(self, index: int, now: float) -> None:
        """The first delta of a sequence has come: its prompt is prefilled."""
        if not self.prefilled:
            self.latencies.first_token.observe(now - self.ticket.arrived)
            self.note_reading(self.is_read)
        prompt = index // self.request.n
        if prompt not in self.prefilled:
            self.prefilled.add(prompt)
            self.controller.prefilled(self.ticket, len(self.prompts[prompt]))

    def note_last(self, entry: Entry) -> None:
        """A sequence has finished."""
        self.controller.scheduler.leave(entry)
        self.unfinished -= 1
        if self.unfinished == 0 and not self.done.done():
            self.done.set_result(None)

    def note_reading(self, is_read: bool) -> None:
        """Whether the client reads what it gets decides whose time runs, the client's or the engine's."""
        self.is_read = is_read
        if self.unfinished:
            if is_read:
                self.ticket.enter("stall_timeout", self.last_token_at)
            else:
                self.ticket.enter("send_timeout")

    def fail(self, error: RequestError) -> None:
        """That ends the request."""
        for future in (self.accepted, self.done):
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Abort what runs, and leave what waits; may be called again. `completion_tokens` are known then.

        Nothing here knows the rest of it any more, so that all of it is freed, and used again, with its last reference.
        """
        if not self.choices:
            return
        self.unfinished = 0
        self.ticket.enter("send_timeout")
        for choice in self.choices:
            if choice.sequence is not None:
                choice.sequence.abort()
            if choice.entry is not None:
                self.controller.scheduler.leave(choice.entry)
            choice.sequence = choice.entry = None  # they know it, too
            self.completion_tokens += choice.tokens
        self.choices.clear()
        self.ticket.prompt_tokens = sum(len(self.prompts[prompt]) for prompt in self.prefilled)
        self.ticket.completion_tokens = self.completion_tokens
        for future in (self.accepted, self.done):
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, if not by whoever waited for it
