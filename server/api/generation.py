"""The one way through which every answer is made: render, wait for a turn, generate."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from server.admission import Desk, Ticket, Turn
from server.engine.base import Delta, Engine, GenerationRequest, ModelInfo, Sampling, Stream
from server.errors import ContextLengthExceeded, InvalidRequest
from server.telemetry.times import Times


class Generation:
    """All sequences of one request; sequence `i` is number `i % n` of prompt `i // n`."""

    def __init__(
        self, request: GenerationRequest, ticket: Ticket, *, engine: Engine, model: ModelInfo, desk: Desk, times: Times
    ) -> None:
        self.request, self.ticket = request, ticket
        self.engine, self.model, self.desk, self.times = engine, model, desk, times
        self.prompts: list[list[int]] = []
        self.prefilled = set[int]()
        self.last_delta_at = [0.0] * request.sequences
        self.completion_tokens = 0

    @property
    def prompt_tokens(self) -> int:
        return sum(map(len, self.prompts))

    async def prepare(self) -> None:
        """Take the other seats, render the prompts and take their tokens.

        Raises InvalidRequest, Overloaded or RateLimited.
        """
        seats = self.request.sequences
        both = (self.desk.seats.capacity, self.ticket.account.seats.capacity)
        most = min((limit for limit in both if limit is not None), default=seats)
        if seats > most and self.desk.traffic.enforce:
            raise InvalidRequest(
                f"{seats} sequences can never be inside at once: max_concurrency is {most}.", param="n"
            )
        if seats > 1:
            self.ticket.extend(seats - 1)
        self.prompts = [await self.engine.render(prompt) for prompt in self.request.prompts]
        for tokens in self.prompts:
            self.check_fit(len(tokens))
        answers = [self.sampling(index).max_tokens or 0 for index in range(seats)]
        self.ticket.take_tokens(self.prompt_tokens, self.prompt_tokens + sum(answers))

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
        room = self.model.max_model_len - len(self.prompts[index // self.request.n])
        return replace(
            given,
            max_tokens=given.max_tokens or min(room, self.model.max_tokens or room),
            seed=None if given.seed is None else given.seed + index % self.request.n,
        )

    @asynccontextmanager
    async def accepted(self, index: int) -> AsyncIterator[tuple[Turn, Stream]]:
        """Wait for a place in the batch and hand the sequence to the engine; aborted if left before its end."""
        prompt = self.prompts[index // self.request.n]
        arrived = self.desk.clock()
        async with self.desk.queue.turn(self.ticket.visit(len(prompt))) as turn:
            self.times.queue.observe(self.desk.clock() - arrived)
            stream = await self.engine.submit(f"{self.request.id}-{index}", prompt, self.sampling(index))
            try:
                yield turn, stream
            finally:
                await stream.close()

    async def deltas(self) -> AsyncGenerator[tuple[int, Delta] | None, None]:
        """(sequence, delta) pairs; first of all None, when the engine has accepted the first sequence.

        Raises what ends the request early, an interruption of its ticket included.
        """
        source = self.one() if self.request.sequences == 1 else self.many()
        ticket = self.ticket
        with ticket.interruptible():
            async with aclosing(source):
                ticket.enter("queue_timeout")
                async for item in source:
                    now = ticket.enter("send_timeout")
                    if item is not None:
                        self.note(*item, now)
                    yield item
                    ticket.enter("stall_timeout" if self.prefilled else "first_token_timeout")
                ticket.enter("send_timeout")  # of the whole answer, or of the end of a stream

    def note(self, index: int, delta: Delta, now: float) -> None:
        """Keep the books of a delta that came `now`."""
        self.completion_tokens += delta.tokens
        self.ticket.tokens_used += delta.tokens
        before = self.last_delta_at[index]
        self.last_delta_at[index] = now
        if before:
            self.times.inter_token.observe(now - before)
            return
        if not self.prefilled:
            self.times.first_token.observe(now - self.ticket.arrived)
        prompt = index // self.request.n
        if prompt not in self.prefilled:
            self.prefilled.add(prompt)
            self.ticket.prefilled(len(self.prompts[prompt]))
            self.ticket.tokens_used += len(self.prompts[prompt])

    async def one(self) -> AsyncGenerator[tuple[int, Delta] | None, None]:
        async with self.accepted(0) as (turn, stream):
            yield None
            async for delta in stream:
                turn.charge(delta.tokens)
                if delta.finish_reason:
                    break
                yield 0, delta
        yield 0, delta  # the place in the batch is free by now, however slowly the client reads

    async def many(self) -> AsyncGenerator[tuple[int, Delta] | None, None]:
        arrivals: asyncio.Queue[tuple[int, Delta] | Exception | None] = asyncio.Queue()

        async def run(index: int) -> None:
            try:
                async with self.accepted(index) as (turn, stream):
                    arrivals.put_nowait(None)
                    async for delta in stream:
                        turn.charge(delta.tokens)
                        if delta.finish_reason:
                            break
                        arrivals.put_nowait((index, delta))
                arrivals.put_nowait((index, delta))
            except Exception as error:
                arrivals.put_nowait(error)

        tasks = [asyncio.create_task(run(index)) for index in range(self.request.sequences)]
        try:
            open_sequences, accepted = len(tasks), False
            while open_sequences:
                item = await arrivals.get()
                if isinstance(item, Exception):
                    raise item
                if item is None and accepted:
                    continue
                accepted = True
                yield item
                open_sequences -= item is not None and item[1].finish_reason is not None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
