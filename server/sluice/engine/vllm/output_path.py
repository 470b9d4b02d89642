"""The seam between the engine and vLLM's outputs: all that the engine knows of either way out."""

from typing import TYPE_CHECKING, Protocol

from sluice.engine.base import EngineSequence, OutputPathName, Receiver, Rendered

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM


class OutputPath(Protocol):
    """Takes sequences, and hands on what vLLM makes of them. All methods are called on one event loop."""

    name: OutputPathName
    step_at: float
    """When something last came out, on the clock of `time.monotonic`."""

    async def start(self) -> None:
        """Listen from here on. Raises EngineFailed if the engine has died."""
        ...

    async def reconnect(self, llm: "AsyncLLM") -> None:
        """Go on with another vLLM, after the last one has ended. Raises EngineFailed if it has died, too."""
        ...

    def submit(
        self, sequence_id: str, prompt: Rendered, params: "SamplingParams", receiver: Receiver, *,
        wants_ids: bool = False, cache_salt: str | None = None, adapter: "LoRARequest | None" = None,
    ) -> EngineSequence:  # fmt: skip
        """Hand a sequence to vLLM. `sequence_id` has to be unique. Raises what vLLM raises, or tells the receiver.

        `wants_ids`: each delta tells its tokens' ids.
        """
        ...

    def record(self) -> None:
        """Tell vLLM's metrics what they have not heard of."""
        ...

    async def stop(self) -> None:
        """Let go of vLLM, before it ends."""
        ...

    async def close(self) -> None:
        """Close what vLLM leaves open, once it has ended."""
        ...
