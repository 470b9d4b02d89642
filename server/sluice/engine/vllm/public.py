"""A sequence on vLLM's own way out, `AsyncLLM.generate()`: slower, and for what `outputs` leaves out.

That is vLLM's tracing (`otlp_traces_endpoint`) and its `stream_interval`.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from sluice.engine.base import Delta, Receiver
from sluice.engine.vllm.direct.outputs import ended_by, to_logprob, to_reason

if TYPE_CHECKING:
    from vllm.outputs import CompletionOutput
    from vllm.v1.engine.async_llm import AsyncLLM


def is_needed(llm: "AsyncLLM") -> bool:
    """Whether the engine's configuration asks for something that `outputs` leaves out."""
    processor = llm.output_processor
    return bool(processor.tracing_enabled or processor.stream_interval > 1)


class PublicPath:
    """Cannot be paused. `params` are vLLM's SamplingParams, `prompt` is a rendered one."""

    can_pause = False

    def __init__(self, llm: "AsyncLLM", name: str, prompt: Any, params: Any, receiver: Receiver) -> None:
        self.receiver = receiver
        self.task = asyncio.create_task(self.run(llm.generate(prompt, params, name)))

    async def run(self, outputs: Any) -> None:
        try:
            async for output in outputs:
                self.receiver.put(to_delta(output.outputs[0]))
        except Exception as error:
            self.receiver.fail(ended_by(error))

    def abort(self) -> None:
        self.task.cancel()

    def pause(self) -> None: ...

    def resume(self) -> None: ...


def to_delta(output: "CompletionOutput") -> Delta:
    """Raises EngineFailed for an end that is none of OpenAI's."""
    logprobs = None
    if output.logprobs is not None:
        logprobs = tuple(map(to_logprob, output.token_ids, output.logprobs))
    return Delta(output.text, len(output.token_ids), to_reason(output.finish_reason), logprobs)
