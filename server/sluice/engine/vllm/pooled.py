"""A prompt that is pooled: one call of `AsyncLLM.encode()`."""

import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sluice.engine.base import Delta, More, Receiver, Rendered
from sluice.engine.vllm.deltas import salted

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.pooling_params import PoolingParams

    from sluice.engine.vllm.public import PublicPath


class PooledSequence:
    """Its one delta has what has become of it, and no token."""

    can_pause, survives = False, True

    def __init__(
        self, path: "PublicPath", name: str, prompt: Rendered, params: "PoolingParams", receiver: Receiver, *,
        cache_salt: str | None, adapter: "LoRARequest | None",
    ) -> None:  # fmt: skip
        self.path, self.receiver = path, receiver
        self.cached_tokens = self.written_tokens = 0
        rendered: Any = {"type": "token", "prompt_token_ids": prompt.tokens} | salted(cache_salt)
        self.ask: Callable[[int], Any] = lambda number: path.llm.encode(
            rendered, params, f"{name}-{number}", lora_request=adapter
        )
        self.number, self.has_ended = 0, False
        self.resume()

    def resume(self) -> None:
        if not self.has_ended:
            outputs, self.number = self.ask(self.number), self.number + 1
            self.task = self.path.run(self, lambda: self.read(outputs))

    async def read(self, outputs: Any) -> None:
        async with aclosing(outputs):
            async for output in outputs:
                self.path.step_at = time.monotonic()
                self.cached_tokens, self.has_ended = output.num_cached_tokens, True
                vector = output.outputs.data.float().contiguous().numpy().tobytes()
                self.receiver.put(Delta("", 0, "stop", None, More(vector=vector)))

    def abort(self) -> None:
        self.task.cancel()

    pause = abort
