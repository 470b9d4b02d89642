"""The hot path from vLLM's engine: what one step has made for the whole batch, turned into deltas, in one pass.

vLLM's own output handler makes a RequestOutput, an Event and a task switch of every token. Here a token is decoded and
put to its receiver before the next one is looked at. Nothing is awaited.

This is private API of vLLM, and all of it is in this folder: `EngineCoreOutputs`, the detokenizer and the
LogprobsProcessor, the socket, and that `AsyncLLM` starts no output handler if it has one. `contract` says what of it is
relied upon; `tests/engine/vllm/direct/test_outputs.py` compares it, output for output, with the public `generate()`.

Left out on purpose: vLLM's inter-token latency, a Prometheus observation a token (`sluice_inter_token_latency_seconds`
tells the same). All other metrics of vLLM are kept, once a step or a request.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from vllm.v1.engine import EngineCoreOutputs, EngineCoreRequest
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.stats import IterationStats, LoRARequestStates, SchedulerStats

from sluice.engine.base import OutputPathName, Pace, Receiver, Rendered
from sluice.engine.vllm.deltas import ended_by, salted, told_by
from sluice.engine.vllm.direct.again import Again
from sluice.engine.vllm.direct.outbox import Outbox
from sluice.engine.vllm.direct.sequence import DirectSequence, Taker
from sluice.engine.vllm.direct.socket import OutputSocket, close
from sluice.errors import EngineDied, EngineFailed

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

UNTOLD_STEPS = 32
"""Steps that vLLM's metrics hear of together. One by one, each would bring all of their code and counters back into the
processor's caches, in the place of what the tokens need."""


class DirectPath:
    """All sequences inside vLLM, and the loop that feeds them."""

    name: OutputPathName = "direct"

    def __init__(self, llm: "AsyncLLM", pace: Pace) -> None:
        self.pace, self.tokenizer = pace, llm.tokenizer
        self.backend = getattr(llm.tokenizer, "_tokenizer", None)
        self.sequences: dict[str, Taker] = {}
        self.tasks: tuple[Any, ...] = ()
        self.attach(llm)

    def attach(self, llm: "AsyncLLM") -> None:
        self.llm, self.core = llm, llm.engine_core
        self.step_at = time.monotonic()
        self.adapters: LoRARequestStates = llm.output_processor.lora_states
        self.socket, self.outbox = OutputSocket(self.core, self.step, self.pace), Outbox(self.core)
        self.untold: list[tuple[SchedulerStats | None, IterationStats, int]] = []

    async def reconnect(self, llm: "AsyncLLM") -> None:
        self.attach(llm)
        await self.start()

    async def start(self) -> None:
        """In the place of vLLM's own tasks, the end of which AsyncLLM takes for the engine's."""
        self.reading = self.llm.output_handler = asyncio.create_task(self.run())
        self.core.resources.output_queue_task = self.reading
        asking = asyncio.ensure_future(self.llm.get_supported_tasks())
        try:
            await asyncio.wait((asking, self.reading), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():  # vLLM would wait for ever
                raise EngineFailed("the engine died")
            self.tasks = asking.result()
        finally:
            asking.cancel()

    async def run(self) -> None:
        error: Exception = EngineDied()
        try:
            await self.socket.read()
        except Exception as failure:
            if not self.core.resources.engine_dead:  # then its sockets are closed, and that is all that this tells
                error = failure
        finally:
            reason = ended_by(error)
            for sequence in list(self.sequences.values()):
                if not (sequence.survives and isinstance(reason, EngineDied)):
                    sequence.fail(reason)
            self.llm.output_processor.propagate_error(error)

    async def stop(self) -> None:
        self.outbox.send_all()
        self.reading.cancel()
        await asyncio.wait((self.reading,))

    async def give_back(self) -> None:
        """Leave the outputs to vLLM, whose own tasks start with the next request."""
        await self.stop()
        self.record()
        self.llm.output_handler = self.core.resources.output_queue_task = None

    async def close(self) -> None:
        await close(self.core)

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
                told = getattr(output, "error", None)
                sequence.fail(ended_by(error) if told is None else told_by(told))
                ended.append(sequence.id)
        if others:  # what was added with `AsyncLLM.add_request`, or has been aborted
            processor = self.llm.output_processor
            ended += processor.process_outputs(others, outputs.timestamp, stats, outputs.weight_version).reqs_to_abort
        if ended:
            self.outbox.tell(self.core.abort_requests_async(ended))
        self.adapters.update_scheduler_stats(outputs.scheduler_stats)
        self.untold.append((outputs.scheduler_stats, stats, outputs.engine_index))
        if len(self.untold) == UNTOLD_STEPS:
            self.record()

    def record(self) -> None:
        untold, self.untold = self.untold, []
        if self.llm.logger_manager is not None:
            for of_scheduler, of_step, worker in untold:
                self.llm.logger_manager.record(of_scheduler, of_step, None, worker)

    def submit(
        self, sequence_id: str, prompt: Rendered, params: "SamplingParams", receiver: Receiver, *,
        wants_ids: bool = False, cache_salt: str | None = None, adapter: "LoRARequest | None" = None,
    ) -> DirectSequence:  # fmt: skip
        rendered = {"type": "token", "prompt_token_ids": prompt.tokens} | salted(cache_salt)
        request = self.llm.input_processor.process_inputs(
            sequence_id, rendered, params, self.tasks, lora_request=adapter
        )
        if prompt.more:
            request.reasoning_ended = prompt.more["reasoning_ended"]
            request.reasoning_parser_kwargs = prompt.more.get("reasoning_parser_kwargs")
        sequence = DirectSequence(self, request, receiver, wants_ids)
        if not sequence.survives:
            self.core.ensure_alive()
        self.send(sequence, request)
        return sequence

    def send(self, sequence: Taker, request: EngineCoreRequest) -> None:
        def failed(error: Exception) -> None:
            if not (sequence.survives and isinstance(error, EngineDeadError)):
                sequence.fail(ended_by(error))

        self.sequences[request.request_id] = sequence
        self.outbox.tell(self.core.add_request_async(request), failed)

    def send_again(self, sequence: DirectSequence, request: EngineCoreRequest) -> None:
        self.send(Again(sequence) if sequence.tokens else sequence, request)

    def abort(self, sequence: DirectSequence) -> None:
        self.outbox.tell(self.core.abort_requests_async([sequence.id]))
