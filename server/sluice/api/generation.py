"""The one way through which every answer is made: render, wait for turns, generate."""

import asyncio
from collections.abc import Iterable

import msgspec

from sluice.admission import AdmissionController, Entry, Standing, Ticket
from sluice.api.choice import Choice, Sink
from sluice.engine.base import (
    Chat,
    Engine,
    EngineSequence,
    GenerationRequest,
    ModelInfo,
    Pair,
    Prompt,
    Rendered,
    Sampling,
)
from sluice.engine.parser import Parser
from sluice.errors import ContextLengthExceeded, InvalidRequest, RequestError
from sluice.telemetry.latencies import Latencies

MOST_PROMPT_LOGPROBS = {False: 262_144, True: 1_024}
"""Of all prompts of a request, each with its alternatives; a stream's (True) are read on the loop: some 25 µs each."""
JOINS_A_TURN, TURN_S = 32, 0.005
"""Sequences of one request that come to wait in one turn of the event loop, and seconds after which that is enough: the
engine may have words to tokenize for each."""


class Generation:
    """All sequences of one request; sequence `i` is number `i % n` of prompt `i // n`.

    `longest`: of each prompt, how many tokens an answer to it may have. `done` is set when all have finished, or to
    what ended the request early. Known at the end: `completion_tokens`, of all answers; `cached_tokens`, those of the
    prompts that were in the prefix cache; and `written_tokens`, those that have been put there.
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
        is_streamed: bool,
    ) -> None:
        self.request, self.ticket, self.is_streamed = request, ticket, is_streamed
        self.engine, self.model, self.controller, self.latencies = engine, model, controller, latencies
        self.clock = controller.clock
        self.prompts: list[Rendered] = []
        self.prefilled = set[int]()
        self.is_read = True
        self.longest: list[int] = []
        self.choices: list[Choice] = []
        self.unfinished = request.sequences
        self.completion_tokens = self.cached_tokens = self.written_tokens = 0
        loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    @property
    def prompt_tokens(self) -> int:
        return sum(len(prompt.tokens) for prompt in self.prompts)

    def standing(self) -> Standing:
        """Whose time runs: that of the sequences that do. Each token, and each change among them, begins it anew.

        While there is no engine, nobody's does.
        """
        if self.controller.scheduler.is_suspended:
            return None, 0.0
        begun = [(choice, choice.entry) for choice in self.choices if choice.entry is not None]
        since = max(max(choice.last_at, entry.since) for choice, entry in begun)
        running = [choice for choice, entry in begun if entry.state == "running"]
        if not running:  # all that is left waits, be it for the first time or paused
            return None, since
        return "stall_timeout" if any(choice.last_at >= 0 for choice in running) else "first_token_timeout", since

    async def prepare(self) -> None:
        """Take the other seats, render the prompts and take their tokens.

        Raises InvalidRequest, Overloaded or RateLimited.
        """
        try:
            self.check_seats()
            if self.request.sequences > 1:
                self.controller.extend(self.ticket, self.request.sequences - 1)
            await self.render()
            answers = self.request.n * sum(self.longest)
            self.controller.take_tokens(self.ticket, self.prompt_tokens, self.prompt_tokens + answers)
        except InvalidRequest as error:
            error.param = self.request.names.get(error.param or "", error.param)
            raise

    async def render(self) -> None:
        for number, prompt in enumerate(self.request.prompts):
            if number:
                await asyncio.sleep(0)  # short ones are rendered on the event loop, and there may be a thousand
            rendered = await self.engine.render(prompt, self.request.sampling.constraint, self.request.tokenizing)
            self.longest.append(self.longest_answer(prompt, len(rendered.tokens)))
            self.prompts.append(rendered)
        self.check_scored()

    def check_scored(self) -> None:
        """Raises InvalidRequest for more logprobs of prompts than are read at once."""
        asked = self.request.sampling.prompt_logprobs
        if asked is None:
            return
        entries, most = self.prompt_tokens * self.request.n * (asked + 1), MOST_PROMPT_LOGPROBS[self.is_streamed]
        if entries > most:
            raise InvalidRequest(
                f"The logprobs of the prompts are {entries} (tokens × n × alternatives); "
                f"{most} are the most{' that are streamed' * self.is_streamed}.",
                param="prompt",
            )

    def check_seats(self) -> None:
        """Raises InvalidRequest for more sequences than may ever be inside at once."""
        seats, prompts, n = self.request.sequences, len(self.request.prompts), self.request.n
        both = (self.controller.seats.capacity, self.ticket.account.seats.capacity)
        most = min((limit for limit in both if limit is not None), default=seats)
        if seats > most and self.controller.traffic.enforce:
            ways = ["lower n"] * (n > 1) + ["send fewer prompts at once"] * (prompts > 1)
            raise InvalidRequest(
                f"{seats} sequences ({prompts} x n) can never be inside at once: max_concurrency is {most}. "
                f"{' or '.join(ways).capitalize()}.",
                param="n" if n > 1 else field_of(self.request.prompts[0]),
            )

    def longest_answer(self, prompt: Prompt, prompt_tokens: int) -> int:
        """In tokens: what is asked for, but no more than the context has room for beside the prompt.

        Raises InvalidRequest where there is no such answer.
        """
        asked, context = self.request.sampling, self.model.max_model_len
        room, least = context - prompt_tokens, 1 if self.request.pooling is None else 0
        where, beside = field_of(prompt), ", and the answer takes 1 at least" * least
        if prompt_tokens == 0:
            raise InvalidRequest("The prompt is empty.", param=where)
        for is_over, what, param in (
            (room < least, f"the prompt is too long: it has {prompt_tokens}{beside}", where),
            ((asked.max_tokens or 0) > context, f"the answer alone may not have {asked.max_tokens}", "max_tokens"),
            (asked.min_tokens > room, f"it has room for {room} beside the prompt, fewer than min_tokens", "min_tokens"),
        ):
            if is_over:
                message = f"This model's maximum context length is {context} tokens: {what}."
                raise ContextLengthExceeded(message, code="context_length_exceeded", param=param)
        return min(room, asked.max_tokens or self.model.max_tokens or room) if least else 0

    def sampling(self, index: int) -> Sampling:
        """Sequence `index`'s own: its length, and a seed of its own."""
        asked, n = self.request.sampling, self.request.n
        return msgspec.structs.replace(
            asked,
            max_tokens=self.longest[index // n],
            seed=None if asked.seed is None else asked.seed + index % n,
            wants_ids=asked.wants_ids or self.prompt_of(index).parser is not None,
            cache_salt=self.ticket.account.cache_salt(asked.cache_salt),
        )

    def parser(self, index: int) -> Parser | None:
        """For sequence `index`, where its answer has to be read."""
        make = self.prompt_of(index).parser
        return None if make is None else make()

    async def start(self, sinks: Iterable[Sink]) -> None:
        """Wait for turns and hand the sequences to the engine; returns when it has accepted the first one.

        All deltas go to the sinks, one a sequence, from before it returns. Raises what refuses the request. Nothing
        runs or waits any more once the ticket is given back.
        """
        self.ticket.holds.callback(self.close)
        self.ticket.enter("queue_timeout")
        loop = asyncio.get_running_loop()
        try:
            began = loop.time()
            for index, sink in enumerate(sinks):
                if index and (index % JOINS_A_TURN == 0 or loop.time() - began > TURN_S):
                    await asyncio.sleep(0)
                    began = loop.time()
                    if self.done.done():
                        break
                self.join(Choice(index, sink, self, self.clock, self.latencies.inter_token))
            await self.accepted
        except BaseException:
            self.close()
            raise

    def join(self, choice: Choice) -> None:
        """Wait for a place in the batch."""
        self.choices.append(choice)
        spec = self.ticket.spec(len(self.prompt_of(choice.index).tokens))
        choice.entry = self.controller.scheduler.join(spec, lambda entry: self.begin(choice, entry))

    def prompt_of(self, index: int) -> Rendered:
        return self.prompts[index // self.request.n]

    def begin(self, choice: Choice, entry: Entry) -> None:
        """Hand it to the engine: its place is there."""
        choice.entry, index = entry, choice.index
        if self.ticket.reason is not None:
            return  # it is about to leave
        self.latencies.queue.observe(entry.since - entry.arrived)
        try:
            sequence = self.submit(index, choice)
        except RequestError as error:
            self.fail(error)
            return
        choice.sequence = entry.guest = sequence
        self.note_accepted()

    def submit(self, index: int, choice: Choice) -> EngineSequence:
        """Raises what the engine raises."""
        request, prompt, name = self.request, self.prompt_of(index), f"{self.request.id}-{index}"
        if request.pooling is not None:
            salt = self.ticket.account.cache_salt(request.pooling.cache_salt)
            pooling = msgspec.structs.replace(request.pooling, cache_salt=salt)
            return self.engine.pool(name, prompt, pooling, choice, request.adapter)
        return self.engine.submit(name, prompt, self.sampling(index), choice, request.adapter)

    async def finish(self) -> None:
        """Wait until all sequences have finished. Raises what ends the request early; then nothing runs any more."""
        try:
            await self.done
        finally:
            self.close()

    def note_accepted(self) -> None:
        """The engine has taken one of the sequences."""
        if not self.accepted.done():
            self.accepted.set_result(None)
            self.ticket.watch(self.standing)

    def note_first(self, index: int, now: float) -> None:
        """The first delta of a sequence has come: its prompt is prefilled."""
        if not self.prefilled:
            self.latencies.first_token.observe(now - self.ticket.arrived)
        prompt = index // self.request.n
        if prompt not in self.prefilled:
            self.prefilled.add(prompt)
            self.controller.prefilled(self.ticket, len(self.prompts[prompt].tokens))

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
                self.ticket.watch(self.standing)
            else:
                self.ticket.wait_for_reader()

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
        if self.is_read:
            self.ticket.wait_for_reader()
        for choice in self.choices:
            if choice.sequence is not None:
                choice.sequence.abort()
                if choice.index % self.request.n == 0:
                    self.cached_tokens += choice.sequence.cached_tokens
                    self.written_tokens += choice.sequence.written_tokens
            self.completion_tokens += 0 if choice.entry is None else choice.entry.tokens
        self.controller.scheduler.leave(*(choice.entry for choice in self.choices if choice.entry is not None))
        for choice in self.choices:
            choice.sequence = choice.entry = None  # they know it, too
        self.choices.clear()
        self.ticket.prompt_tokens = sum(len(self.prompts[prompt].tokens) for prompt in self.prefilled)
        self.ticket.completion_tokens = self.completion_tokens
        for future in (self.accepted, self.done):
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, if not by whoever waited for it


def field_of(prompt: Prompt) -> str:
    """Where it came in, if its API has no name of its own for that."""
    if isinstance(prompt, Pair):
        return "documents"
    return "messages" if isinstance(prompt, Chat) else "prompt"
