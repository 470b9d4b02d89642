"""Whether the weights and the KV cache of one full-length sequence fit on each device, and what would.

An estimate: what a step takes besides them is only known once vLLM has made one. What it says will not fit, does not
fit without that either; what only fits without it, is a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.engine.devices import Device
from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.memory.room import GIB, LEAST_LENGTH, Room, on_cpu, on_gpu
from sluice.engine.vllm.memory.shape import Shape
from sluice.settings import Settings
from sluice.settings.section import Mistake

BLOCK_TOKENS = 128
"""The KV cache is handed out in blocks, the largest of which are on CPUs; one is kept back."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes on each device, and what they make: `kv_tokens` over all workers, `full_length` sequences at once."""

    weights: int
    kv_cache: int
    kv_token: int
    kv_tokens: int
    max_model_len: int
    full_length: float
    warning: str | None = None


def estimate(
    settings: Settings, shape: Shape, device: Device, *, gpus: Sequence[Gpu], host: Memory, longest: int | None = None
) -> Estimate:
    """`longest`: the longest sequence, where vLLM has told it. Raises Mistake for what will not fit."""
    length = settings.engine.max_model_len or longest or shape.longest
    if length is None:
        raise Mistake("the model's config does not tell its longest sequence", "engine", "max_model_len", works=4096)
    needed = shape.cache_of((-(-length // BLOCK_TOKENS) + 1) * BLOCK_TOKENS)
    room = on_cpu(settings, shape, host, needed) if device == "cpu" else on_gpu(settings, shape, gpus, needed)
    if needed > room.most:
        raise too_long(shape, room, length, needed)
    kv_cache = room.most - room.other
    warning = None if needed <= kv_cache else f"It may not fit: {too_long(shape, room, length, needed)}"
    token = max(shape.cache_of(length) // length, 1)
    tokens = max(kv_cache, 0) // token * settings.engine.workers
    return Estimate(shape.weights, max(kv_cache, 0), token, tokens, length, round(tokens / length, 2), warning)


def too_long(shape: Shape, room: Room, length: int, needed: int) -> Mistake:
    """What is needed, what is there, and one setting that would do: more memory if there is any, else less length."""
    message = (
        f"a sequence of {length:,} tokens needs {needed / GIB:.2f} GiB of KV cache on each device, and there are "
        f"{max(room.most - room.other, 0) / GIB:.2f} GiB"
    )
    if needed <= room.largest - room.other:
        return Mistake(message, *room.setting, works=room.value)
    fits = shape.fitting(max(room.most - room.other, 0)) - 2 * BLOCK_TOKENS
    if fits < LEAST_LENGTH:
        return Mistake(f"{message}: take a smaller model, or one that is quantized, or more devices", "model")
    return Mistake(message, "engine", "max_model_len", works=fits // LEAST_LENGTH * LEAST_LENGTH)
