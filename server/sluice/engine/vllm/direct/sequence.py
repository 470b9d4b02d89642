"""A sequence on the direct way: each token decoded (in Rust) and put to its receiver, which writes it to its client."""

from copy import copy
from typing import Any, Protocol

from msgspec.structs import replace
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm.v1.engine.detokenizer import FastIncrementalDetokenizer, IncrementalDetokenizer
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.metrics.stats import IterationStats, LoRARequestStates, RequestStateStats
from vllm.v1.outputs import LogprobsTensors

from sluice.engine.base import Delta, More, PromptLogprobs, Receiver
from sluice.engine.vllm.again import would_be_the_same
from sluice.engine.vllm.continuation import REPLACEMENT, UnfinishedStream, stream_after, unfinished
from sluice.engine.vllm.deltas import to_logprob, to_prompt_logprobs, to_reason
from sluice.errors import RequestError

DETOKENIZER_CONTEXT_TOKENS = 16
"""Tokens of a prompt that decide how the first token of the answer is written. vLLM decodes the whole prompt for it."""
MOST_SILENT_TOKENS = 64
"""Tokens in a row that make no character, after which the stream begins anew: each one has it decode all of them."""


class Taker(Protocol):
    """What the engine's outputs are for. `id`: as it is known there."""

    id: str
    survives: bool

    def take(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> bool:
        """Hand on what the engine has made of it in a step; whether it has ended."""

    def fail(self, error: RequestError) -> None:
        """That is the end of it."""


class Batch(Protocol):
    """What a sequence knows of the path that it is on. `backend`: the tokenizer's own, in Rust."""

    tokenizer: Any
    backend: Any
    sequences: dict[str, Taker]
    adapters: LoRARequestStates

    def send(self, sequence: Taker, request: EngineCoreRequest) -> None: ...

    def send_again(self, sequence: "DirectSequence", request: EngineCoreRequest) -> None:
        """The same for one that is made again from the start."""

    def abort(self, sequence: "DirectSequence") -> None: ...


class DirectSequence:
    """One sequence inside vLLM, which may be known there under one name after another."""

    __slots__ = (
        "adapter", "cached_tokens", "can_pause", "detokenizer", "id", "is_plain", "is_prefilling", "logprobs", "name",
        "params", "path", "pauses", "receiver", "request", "silent", "silent_at", "stats", "stream", "survives",
        "tokens", "wants_ids", "written_tokens",
    )  # fmt: skip

    def __init__(self, path: Batch, request: EngineCoreRequest, receiver: Receiver, wants_ids: bool) -> None:
        self.path, self.request, self.receiver, self.wants_ids = path, request, receiver, wants_ids
        self.id = self.name = request.request_id
        self.adapter = None if request.lora_request is None else request.lora_request.lora_name
        self.params = params = request.sampling_params
        prompt = request.prompt_token_ids or []
        ending = prompt[-DETOKENIZER_CONTEXT_TOKENS:]
        told = request if len(ending) == len(prompt) else replace(request, prompt_token_ids=ending)
        self.detokenizer = IncrementalDetokenizer.from_new_request(path.tokenizer, told)
        self.logprobs = LogprobsProcessor.from_new_request(path.tokenizer, request)
        is_fast = isinstance(self.detokenizer, FastIncrementalDetokenizer)
        spaced = is_fast and self.detokenizer.spaces_between_special_tokens
        self.is_plain = spaced and not params.stop and params.num_logprobs is None and params.prompt_logprobs is None
        if is_fast and (text := unfinished(path.backend, ending)):
            self.detokenizer.stream = UnfinishedStream(self.detokenizer.stream, text)
        self.stream: Any = self.detokenizer.stream if is_fast else None
        # A pause loses the state of a generator and of a grammar, and makes of the answer a prompt, which is not
        # penalized.
        self.can_pause = not (
            params.seed is not None
            or params.presence_penalty
            or params.frequency_penalty
            or params.structured_outputs is not None
            or params.bad_words  # of one that has begun, the beginning would be forgotten
            or params.prompt_logprobs is not None
            or params.thinking_token_budget is not None
        )
        self.survives = self.can_pause or would_be_the_same(params)
        self.tokens: list[int] = []
        self.silent: list[int] = []
        self.silent_at = 0
        self.pauses = 0
        self.is_prefilling = True
        self.cached_tokens = self.written_tokens = 0
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
            self.receiver.put(Delta(text, len(new), None, None, More(tuple(new)) if self.wants_ids else None))
            return False
        return self.take_apart(output, timestamp, stats)

    def decode(self, token: int) -> str:
        """As `FastIncrementalDetokenizer.decode_next`, which knows what to do about errors."""
        try:
            text: str | None = self.stream.step(self.path.backend, token)
        except Exception:  # of whatever kind: it is raised again there, and recovered from or not
            text = self.detokenizer.decode_next(token)
            self.stream = self.detokenizer.stream
        return text or self.note_silence(token)

    def note_silence(self, token: int) -> str:
        """A token has made no text. What its like have made by now, if the stream has to begin anew."""
        made = len(self.tokens)
        if made > self.silent_at + 1:
            self.silent.clear()
        self.silent_at = made
        self.silent.append(token)
        if len(self.silent) < MOST_SILENT_TOKENS:
            return ""
        skip = self.params.skip_special_tokens
        text: str = self.path.backend.decode(self.silent, skip)
        ending = self.silent[-DETOKENIZER_CONTEXT_TOKENS:]
        self.stream = self.detokenizer.stream = stream_after(self.path.backend, ending, skip)
        self.silent.clear()
        return text.rstrip(REPLACEMENT)

    def take_apart(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> bool:
        """The same, with stop strings, logprobs and the end; as `OutputProcessor.process_outputs` does it."""
        reason, stop_reason = output.finish_reason, output.stop_reason
        before = self.detokenizer.num_output_tokens()
        if stop := self.detokenizer.update(output.new_token_ids, reason == FinishReason.STOP):
            reason, stop_reason = FinishReason.STOP, stop
            OutputProcessor._trim_surplus_tokens(self, output, before)
        name = to_reason(reason)
        scored, output.new_prompt_logprobs_tensors = output.new_prompt_logprobs_tensors, None
        self.logprobs.update_from_output(output)
        text = self.detokenizer.get_next_output_text(finished=reason is not None, delta=True)
        new = output.new_token_ids
        self.tokens += new
        if not text and self.stream is not None:  # nor has the detokenizer, or it holds it back for a stop string
            for token in new:
                self.note_silence(token)
        logprobs = None
        if self.logprobs.logprobs is not None:
            ranked = self.logprobs.logprobs[-len(new) :] if new else []
            logprobs = tuple(map(to_logprob, new, ranked))
        if reason is not None:
            self.end(reason, timestamp, stats)
        more = None
        if self.wants_ids or stop_reason is not None or scored is not None:
            prompt = None if scored is None else lambda: self.read_prompt(scored)
            more = More(tuple(new) if self.wants_ids else (), stop_reason, prompt=prompt)
        self.receiver.put(Delta(text, len(new), name, logprobs, more))
        return reason is not None

    def read_prompt(self, scored: LogprobsTensors) -> PromptLogprobs:
        """On whatever thread: vLLM decodes each token for itself."""
        tokens = self.request.prompt_token_ids or []
        reader = LogprobsProcessor.from_new_request(self.path.tokenizer, self.request)
        reader._update_prompt_logprobs(scored)
        return to_prompt_logprobs(self.path.tokenizer.decode(tokens[:1]), tokens, reader.prompt_logprobs or ())

    def begin(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> None:
        """Keep vLLM's books of the first output. Raises EngineFailed for a sequence that never ran."""
        to_reason(output.finish_reason)
        self.is_prefilling = False
        if output.prefill_stats is not None:
            self.cached_tokens = output.prefill_stats.num_cached_tokens
            self.written_tokens = output.prefill_stats.num_cache_creation_tokens
        stats.update_from_output(output, timestamp, True, self.stats, self.path.adapters, self.adapter)

    def end(self, reason: FinishReason, timestamp: float, stats: IterationStats) -> None:
        """Keep vLLM's books of the last output, and forget the sequence."""
        self.leave()
        self.stats.num_generation_tokens, self.stats.last_token_ts = len(self.tokens), timestamp
        stats.update_from_finished_request(
            reason, self.name, len(self.request.prompt_token_ids or ()), self.params.max_tokens, self.stats,
            self.cached_tokens,
        )  # fmt: skip

    def fail(self, error: RequestError) -> None:
        self.leave()
        self.receiver.fail(error)

    def leave(self) -> bool:
        """Forget it; whether it was known."""
        self.path.adapters.request_finished(self.id, self.adapter)
        return self.path.sequences.pop(self.id, None) is not None

    def abort(self) -> None:
        if self.leave():
            self.path.abort(self)

    pause = abort

    def resume(self) -> None:
        """Ask for the rest, with what there is for a prompt: vLLM's own preemption does the same. Or for all again."""
        self.pauses += 1
        self.id = f"{self.name}-{self.pauses}"
        rest, made = copy(self.request), len(self.tokens)
        rest.request_id = self.id
        if not self.can_pause:
            self.path.send_again(self, rest)
            return
        rest.prompt_token_ids = [*(self.request.prompt_token_ids or ()), *self.tokens]
        rest.sampling_params = copy(self.params)
        rest.sampling_params.max_tokens = self.params.max_tokens - made
        rest.sampling_params.min_tokens = max(0, self.params.min_tokens - made)
        self.path.send(self, rest)
