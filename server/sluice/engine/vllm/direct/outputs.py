"""The hot path from vLLM's engine: what one step has made for the whole batch, turned into deltas, in one pass.

vLLM's own output handler makes a RequestOutput, an Event and a task switch of every token. Here a token is decoded (in
Rust) and put to its receiver, which writes it to its client before the next one is looked at. Nothing is awaited.

This is private API of vLLM 0.32, and all of it is in this file: `EngineCoreOutputs`, the detokenizer and the
LogprobsProcessor, and that `AsyncLLM` starts no output handler if it has one. `tests/engine/test_outputs.py` compares
it, output for output, with the public `generate()`.

Left out on purpose: vLLM's inter-token latency, a Prometheus observation a token (`sluice_inter_token_latency_seconds`
tells the same). All other metrics of vLLM are kept, once a step or a request.
"""

import asyncio
import time
from collections.abc import Coroutine
from copy import copy
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, EngineCoreRequest, FinishReason
from vllm.v1.engine.detokenizer import FastIncrementalDetokenizer, IncrementalDetokenizer
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.metrics.stats import IterationStats, LoRARequestStates, RequestStateStats, SchedulerStats

from sluice.engine.base import Delta, Pace, Receiver, TokenLogprob
from sluice.engine.base import FinishReason as Reason
from sluice.engine.vllm.direct.socket import OutputSocket, run_now
from sluice.errors import EngineFailed, one_line

if TYPE_CHECKING:
    from vllm.logprobs import Logprob
    from vllm.v1.engine.async_llm import AsyncLLM

REASONS: dict[str, Reason] = {"stop": "stop", "length": "length"}
"""Of vLLM's finish reasons, those that are OpenAI's, too."""

CONTEXT = 16
"""Tokens of a prompt that decide how the first token of the answer is written. vLLM decodes the whole prompt for it."""

FEW = 8
"""Messages for the engine that may wait for each other; with more, the engine would idle until all have been made."""
UNTOLD = 32
"""Steps that vLLM's metrics hear of together. One by one, each would bring all of their code and counters back into the
processor's caches, in the place of what the tokens need."""


class DirectPath:
    """All sequences inside vLLM, and the loop that feeds them."""

    def __init__(self, llm: "AsyncLLM", pace: Pace) -> None:
        self.llm, self.core, self.tokenizer = llm, llm.engine_core, llm.tokenizer
        self.backend = getattr(llm.tokenizer, "_tokenizer", None)
        self.sequences: dict[str, Sequence] = {}
        self.step_at = time.monotonic()
        self.socket = OutputSocket(self.core, self.step, pace)
        self.no_adapters = LoRARequestStates(log_stats=False)
        self.unsent: list[tuple[Coroutine[Any, Any, None], Sequence | None]] = []
        self.untold: list[tuple[SchedulerStats | None, IterationStats, int]] = []

    def start(self) -> None:
        """In the place of vLLM's own tasks, the end of which AsyncLLM takes for the engine's."""
        self.loop = asyncio.get_running_loop()
        self.reading = self.llm.output_handler = asyncio.create_task(self.run())
        self.core.resources.output_queue_task = self.reading

    async def run(self) -> None:
        error: Exception = EngineFailed("The engine died.", code="engine_error")
        try:
            await self.socket.read()
        except Exception as failure:
            if not self.core.resources.engine_dead:  # then its sockets are closed, and that is all that this tells
                error = failure
        finally:
            for sequence in list(self.sequences.values()):
                sequence.fail(ended_by(error))
            self.llm.output_processor.propagate_error(error)

    async def stop(self) -> None:
        """Before the sockets are closed."""
        self.send_all()
        self.reading.cancel()
        await asyncio.wait((self.reading,))

    def step(self, outputs: EngineCoreOutputs) -> None:
        """Everything that one step of one worker has made."""
        self.step_at = time.monotonic()
        stats = IterationStats()
        sequences, others, ended = self.sequences, [], []
        for output in reversed(outputs.outputs):  # first tokens are last there, and people wait for them
            sequence = sequences.get(output.request_id)
            if sequence is None:
                others.append(output)
                continue
            try:
                if sequence.take(output, outputs.timestamp, stats) and not output.finished:
                    ended.append(sequence.id)  # by a stop string, of which the engine knows nothing
            except Exception as error:
                sequence.fail(ended_by(error))
                ended.append(sequence.id)
        if others:  # what was added with `AsyncLLM.add_request`, or has been aborted
            processor = self.llm.output_processor
            ended += processor.process_outputs(others, outputs.timestamp, stats, outputs.weight_version).reqs_to_abort
        if ended:
            self.tell(self.core.abort_requests_async(ended))
        self.untold.append((outputs.scheduler_stats, stats, outputs.engine_index))
        if len(self.untold) == UNTOLD:
            self.record()

    def record(self) -> None:
        """Tell vLLM's metrics of the steps that they have not heard of."""
        untold, self.untold = self.untold, []
        if self.llm.logger_manager is not None:
            for of_scheduler, of_step, worker in untold:
                self.llm.logger_manager.record(of_scheduler, of_step, None, worker)

    def add(self, request: EngineCoreRequest, receiver: Receiver) -> "Sequence":
        """Hand it to the engine. `request.request_id` has to be unique."""
        self.core.ensure_alive()
        sequence = Sequence(self, request, receiver)
        self.send(sequence, request)
        return sequence

    def send(self, sequence: "Sequence", request: EngineCoreRequest) -> None:
        self.sequences[request.request_id] = sequence
        self.tell(self.core.add_request_async(request), sequence)

    def tell(self, message: Coroutine[Any, Any, None], sequence: "Sequence | None" = None) -> None:
        """Send the engine a message, about that sequence, in the event loop's next turn at the latest.

        A few go out together: each by itself would wake zmq's thread, which would take the processor.
        """
        if not self.unsent:
            self.loop.call_soon(self.send_all)
        self.unsent.append((message, sequence))
        if len(self.unsent) == FEW:
            self.send_all()

    def send_all(self) -> None:
        """There is always room for them: vLLM sets no limit."""
        messages, self.unsent = self.unsent, []
        for message, sequence in messages:
            try:
                run_now(message)
            except Exception as error:
                if sequence is not None:
                    sequence.fail(ended_by(error))
                elif not self.core.resources.engine_dead:  # a dead one says so in its own way
                    self.loop.call_exception_handler({"message": "The engine was not told", "exception": error})


class Sequence:
    """One sequence inside vLLM, which may be known there under one name after another."""

    __slots__ = (
        "cached_tokens", "can_pause", "detokenizer", "id", "is_plain", "is_prefilling", "logprobs", "name",
        "outputs", "params", "pauses", "receiver", "request", "stats", "stream", "tokens",
    )  # fmt: skip

    def __init__(self, outputs: DirectPath, request: EngineCoreRequest, receiver: Receiver) -> None:
        self.outputs, self.request, self.receiver = outputs, request, receiver
        self.id = self.name = request.request_id
        self.params = params = request.sampling_params
        prompt = request.prompt_token_ids or []
        ending = request if len(prompt) <= CONTEXT else replace(request, prompt_token_ids=prompt[-CONTEXT:])
        self.detokenizer = IncrementalDetokenizer.from_new_request(outputs.tokenizer, ending)
        self.logprobs = LogprobsProcessor.from_new_request(outputs.tokenizer, request)
        is_fast = isinstance(self.detokenizer, FastIncrementalDetokenizer)
        spaced = is_fast and self.detokenizer.spaces_between_special_tokens
        self.is_plain = spaced and not params.stop and params.logprobs is None
        self.stream: Any = self.detokenizer.stream if is_fast else None
        # A pause loses the state of a generator of its own, and makes of the answer a prompt, which is not penalized.
        self.can_pause = params.seed is None and not params.presence_penalty and not params.frequency_penalty
        self.tokens: list[int] = []
        self.pauses = 0
        self.is_prefilling = True
        self.cached_tokens = 0
        self.stats = RequestStateStats(arrival_time=request.arrival_time)

    def take(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> bool:
        """Hand on what the engine has made of it in a step; whether it has ended."""
        new = output.new_token_ids
        if self.is_prefilling:
            self.begin(output, timestamp, stats)
        else:
            stats.num_generation_tokens += len(new)
        if self.is_plain and output.finish_reason is None:
            self.tokens += new
            text = self.decode(new[0]) if len(new) == 1 else "".join(map(self.decode, new))
            self.receiver.put(Delta(text, len(new)))
            return False
        return self.take_apart(output, timestamp, stats)

    def decode(self, token: int) -> str:
        """As `FastIncrementalDetokenizer.decode_next`, which knows what to do about errors."""
        try:
            text: str | None = self.stream.step(self.outputs.backend, token)
        except Exception:  # of whatever kind: it is raised again there, and recovered from or not
            text = self.detokenizer.decode_next(token)
            self.stream = self.detokenizer.stream
        return text or ""

    def take_apart(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> bool:
        """The same, with stop strings, logprobs and the end; as `OutputProcessor.process_outputs` does it."""
        reason = output.finish_reason
        before = self.detokenizer.num_output_tokens()
        if self.detokenizer.update(output.new_token_ids, reason == FinishReason.STOP):
            reason = FinishReason.STOP
            OutputProcessor._trim_surplus_tokens(self, output, before)
        name = to_reason(reason)
        self.logprobs.update_from_output(output)
        text = self.detokenizer.get_next_output_text(finished=reason is not None, delta=True)
        new = output.new_token_ids
        self.tokens += new
        logprobs = None
        if self.logprobs.logprobs is not None:
            ranked = self.logprobs.logprobs[-len(new) :] if new else []
            logprobs = tuple(map(to_logprob, new, ranked))
        if reason is not None:
            self.end(reason, timestamp, stats)
        self.receiver.put(Delta(text, len(new), name, logprobs))
        return reason is not None

    def begin(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> None:
        """Keep vLLM's books of the first output."""
        self.is_prefilling = False
        if output.prefill_stats is not None:
            self.cached_tokens = output.prefill_stats.num_cached_tokens
        stats.update_from_output(output, timestamp, True, self.stats, self.outputs.no_adapters, None)

    def end(self, reason: FinishReason, timestamp: float, stats: IterationStats) -> None:
        """Keep vLLM's books of the last output, and forget the sequence."""
        del self.outputs.sequences[self.id]
        self.stats.num_generation_tokens, self.stats.last_token_ts = len(self.tokens), timestamp
        stats.update_from_finished_request(
            reason, self.name, len(self.request.prompt_token_ids or ()), self.params.max_tokens, self.stats,
            self.cached_tokens,
        )  # fmt: skip

    def fail(self, error: EngineFailed) -> None:
        self.outputs.sequences.pop(self.id, None)
        self.receiver.fail(error)

    def abort(self) -> None:
        if self.outputs.sequences.pop(self.id, None) is not None:
            self.outputs.tell(self.outputs.core.abort_requests_async([self.id]))

    pause = abort

    def resume(self) -> None:
        """Ask for the rest, with what there is for a prompt: vLLM's own preemption does the same."""
        self.pauses += 1
        self.id = f"{self.name}-{self.pauses}"
        rest, made = copy(self.request), len(self.tokens)
        rest.request_id = self.id
        rest.prompt_token_ids = [*(self.request.prompt_token_ids or ()), *self.tokens]
        rest.sampling_params = copy(self.params)
        rest.sampling_params.max_tokens = self.params.max_tokens - made
        rest.sampling_params.min_tokens = max(0, self.params.min_tokens - made)
        self.outputs.send(self, rest)


def ended_by(error: BaseException) -> EngineFailed:
    if isinstance(error, EngineFailed):
        return error
    return EngineFailed(f"The engine ended the sequence: {one_line(error)}", code="engine_error")


def to_reason(reason: FinishReason | str | None) -> Reason | None:
    """Raises EngineFailed for an end that is none of OpenAI's."""
    if reason is None:
        return None
    if str(reason) not in REASONS:
        raise EngineFailed(f"The engine ended the sequence: {reason}", code="engine_error")
    return REASONS[str(reason)]


def to_logprob(token: int, ranked: "dict[int, Logprob]") -> TokenLogprob:
    """vLLM gives the sampled token and the likeliest ones in one mapping; rank 1 is the likeliest."""

    def plain(entry: "Logprob") -> TokenLogprob:
        return TokenLogprob(entry.decoded_token or "", entry.logprob)

    sampled = plain(ranked[token])
    best = sorted(ranked.values(), key=lambda entry: entry.rank or 0)
    return TokenLogprob(sampled.token, sampled.logprob, tuple(map(plain, best)))
