"""A prompt that is pooled: one call of `AsyncLLM.encode()`."""

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sluice.engine.base import Delta, More, Receiver, Rendered
from sluice.engine.vllm.deltas import ended_by, salted
from sluice.errors import EngineDied

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.pooling_params import PoolingParams

    from sluice.engine.vllm.public import PublicPath


class PooledSequence:
    """Its one delta has what has become of it, and no token."""

    can_pause = False

    def __init__(
        self, path: "PublicPath", name: str, prompt: Rendered, params: "PoolingParams", receiver: Receiver, *,
        cache_salt: str | None, adapter: "LoRARequest | None",
    ) -> None:  # fmt: skip
        self.path, self.receiver = path, receiver
        self.cached_tokens = 0
        rendered: Any = {"type": "token", "prompt_token_ids": prompt.tokens} | salted(cache_salt)
        self.task = asyncio.create_task(self.run(path.llm.encode(rendered, params, name, lora_request=adapter)))
        path.tasks.add(self.task)
        self.task.add_done_callback(path.tasks.discard)

    async def run(self, outputs: Any) -> None:
        try:
            async with aclosing(outputs):
                async for output in outputs:
                    self.path.step_at = time.monotonic()
                    self.cached_tokens = output.num_cached_tokens
                    vector = output.outputs.data.float().contiguous().numpy().tobytes()
                    self.receiver.put(Delta("", 0, "stop", None, More(vector=vector)))
        except Exception as error:
            self.receiver.fail(EngineDied() if self.path.llm.errored else ended_by(error))

    def abort(self) -> None:
        self.task.cancel()

    pause = abort

    def resume(self) -> None:
        """It is never paused."""
