"""How much memory a device has for the KV cache, by the settings and by what is free."""

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.cpu import KV_CACHE_BYTES
from sluice.engine.vllm.memory.shape import Shape
from sluice.settings import Settings
from sluice.settings.section import Mistake

GIB = 1024**3
UTILIZATION = 0.92
"""Of a GPU's memory, by default (vLLM 0.32)."""
MOST_UTILIZATION = 0.97
"""What is left is CUDA's own, and what others take for a moment."""
GPU_BASE_BYTES = GIB
"""CUDA graphs, and what libraries take; vLLM measures it when it starts."""
HOST_BASE_BYTES = 2 * GIB
"""vLLM's processes on a CPU, without weights and KV cache."""
GPU_STEP_TOKENS, GPU_SEQUENCES = 8192, 1024
"""What vLLM has room for in a step by default, on a large GPU."""
LEAST_LENGTH = 256
"""Tokens: a model that has no room for so many is not worth while."""


@dataclass(frozen=True, slots=True)
class Room:
    """`most`: for the KV cache, if nothing else took anything; `other`: what a step and the rest are thought to take.

    `largest`: what `most` could be, if `setting` were `value`.
    """

    most: int
    other: int
    largest: int
    setting: tuple[str, ...]
    value: float


def on_cpu(settings: Settings, shape: Shape, host: Memory, needed: int) -> Room:
    """What is set for it is what it gets, if there is as much. Raises Mistake. `needed`: bytes, for one sequence."""
    wanted = int(settings.engine.extra.get("kv_cache_memory_bytes") or KV_CACHE_BYTES)
    workers = settings.engine.devices
    taken = workers * (shape.weights + wanted) + HOST_BASE_BYTES
    if taken > host.free:
        fits = (host.free - HOST_BASE_BYTES) // workers - shape.weights
        message = (
            f"{workers * shape.weights / GIB:.1f} GiB of weights, {workers * wanted / GIB:.1f} GiB of KV cache and "
            f"about {HOST_BASE_BYTES / GIB:.0f} GiB for vLLM are more than the {host.free / GIB:.1f} GiB that are free"
        )
        if fits < shape.cache_of(1):
            raise Mistake(f"{message}: take a smaller model, or one that is quantized", "model")
        raise Mistake(message, "engine", "extra", "kv_cache_memory_bytes", works=fits)
    spare = (host.free - taken) // workers
    value = min(wanted + spare, needed)
    return Room(wanted, 0, value, ("engine", "extra", "kv_cache_memory_bytes"), value)


def on_gpu(settings: Settings, shape: Shape, gpus: Sequence[Gpu], needed: int) -> Room:
    """The part of a GPU that is set for it, without the weights. Raises Mistake."""
    extra, here = settings.engine.extra, gpus[: settings.engine.devices]
    place = ("engine", "extra", "gpu_memory_utilization")
    part, total = float(extra.get("gpu_memory_utilization", UTILIZATION)), min(each.memory.total for each in here)
    could = min(MOST_UTILIZATION, *(each.memory.free / each.memory.total for each in here))
    other = GPU_BASE_BYTES + step_bytes(settings, shape)
    if "kv_cache_memory_bytes" in extra:
        own = int(extra["kv_cache_memory_bytes"])
        value = max(own, min(needed, int(could * total) - shape.weights - other))
        return Room(own, 0, value, ("engine", "extra", "kv_cache_memory_bytes"), value)
    if part > could and part <= MOST_UTILIZATION:
        free = min(each.memory.free for each in here)
        raise Mistake(
            f"{part:g} of {total / GIB:.1f} GiB are wanted, and {free / GIB:.1f} GiB are free on a GPU: end what takes "
            "the rest (nvidia-smi lists it)", *place, works=down(could),
        )  # fmt: skip
    if shape.weights >= part * total:
        message = (
            f"{shape.weights / GIB:.1f} GiB of weights for each GPU are more than {part:g} of its {total / GIB:.1f} GiB"
        )
        if shape.weights + other + shape.cache_of(LEAST_LENGTH) < could * total:
            raise Mistake(message, *place, works=down(could))
        devices = settings.engine.tensor_parallel_size * settings.engine.pipeline_parallel_size
        for size in (2, 4, 8, 16):
            wide = size * settings.engine.pipeline_parallel_size * settings.engine.workers
            if wide <= len(gpus) and shape.weights * devices / size + other < part * total:
                raise Mistake(message, "engine", "tensor_parallel_size", works=size)
        raise Mistake(f"{message}: take a smaller model, or one that is quantized, or more GPUs", "model")
    best = max(part, down(could))
    return Room(int(part * total) - shape.weights, other, int(best * total) - shape.weights, place, best)


def step_bytes(settings: Settings, shape: Shape) -> int:
    """What a step takes for a moment: the layers' activations, and logits for each sequence, in float32."""
    tokens = int(settings.engine.extra.get("max_num_batched_tokens") or GPU_STEP_TOKENS)
    sequences = settings.traffic.concurrency or GPU_SEQUENCES
    return tokens * 2 * (4 * shape.hidden + 2 * shape.inner) + 2 * 4 * sequences * shape.vocabulary


def down(part: float) -> float:
    """To hundredths, and a little less than all."""
    return int(part * 100 - 0.5) / 100
