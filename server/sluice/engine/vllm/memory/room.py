"""How much memory a device has for the KV cache, and whether that is free."""

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.engine.devices import Device
from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.cpu import KV_CACHE_BYTES
from sluice.engine.vllm.memory.shape import Shape
from sluice.settings import Settings
from sluice.settings.section import Mistake

GIB = 1024**3
UTILIZATION = 0.92
"""Of a GPU's memory, by default (vLLM 0.32)."""
UTILIZED = ("engine", "extra", "gpu_memory_utilization")
KV_BYTES = ("engine", "extra", "kv_cache_memory_bytes")
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
    """What is set for it is what it gets, if the machine has as much. Raises Mistake. `needed`: for one sequence."""
    wanted = int(settings.engine.extra.get("kv_cache_memory_bytes") or KV_CACHE_BYTES)
    spare = host.total - HOST_BASE_BYTES - settings.engine.devices * (shape.weights + wanted)
    if spare < 0:
        raise too_much(settings, shape, wanted, host.total)
    value = min(wanted + spare // settings.engine.devices, max(wanted, needed))
    return Room(wanted, 0, value, KV_BYTES, value)


def too_much(settings: Settings, shape: Shape, wanted: int, there: int) -> Mistake:
    """For a CPU's memory, of which so many bytes are there."""
    workers = settings.engine.devices
    fits = (there - HOST_BASE_BYTES) // workers - shape.weights
    message = (
        f"{workers * shape.weights / GIB:.1f} GiB of weights, {workers * wanted / GIB:.1f} GiB of KV cache and about "
        f"{HOST_BASE_BYTES / GIB:.0f} GiB for vLLM are more than the {there / GIB:.1f} GiB of memory that there are"
    )
    if fits < shape.cache_of(LEAST_LENGTH):
        return Mistake(f"{message}: take a smaller model, or one that is quantized", "model")
    return Mistake(message, *KV_BYTES, works=fits)


def on_gpu(settings: Settings, shape: Shape, gpus: Sequence[Gpu], needed: int) -> Room:
    """The part of a GPU that is set for it, without the weights. Raises Mistake."""
    engine = settings.engine
    total = min(each.memory.total for each in gpus[: engine.devices])
    part, other = utilization(settings), GPU_BASE_BYTES + step_bytes(settings, shape)
    if "kv_cache_memory_bytes" in engine.extra:
        own = int(engine.extra["kv_cache_memory_bytes"])
        value = max(own, min(needed, int(MOST_UTILIZATION * total) - shape.weights - other))
        return Room(own, 0, value, KV_BYTES, value)
    if shape.weights >= part * total:
        message = (
            f"{shape.weights / GIB:.1f} GiB of weights for each GPU are more than {part:g} of its {total / GIB:.1f} GiB"
        )
        if shape.weights + other + shape.cache_of(LEAST_LENGTH) < MOST_UTILIZATION * total:
            raise Mistake(message, *UTILIZED, works=down(MOST_UTILIZATION))
        for size in (2, 4, 8, 16):
            wide = size * engine.pipeline_parallel_size * engine.workers
            if wide <= len(gpus) and shape.weights * engine.tensor_parallel_size / size + other < part * total:
                raise Mistake(message, "engine", "tensor_parallel_size", works=size)
        raise Mistake(f"{message}: take a smaller model, or one that is quantized, or more GPUs", "model")
    best = max(part, down(MOST_UTILIZATION))
    return Room(int(part * total) - shape.weights, other, int(best * total) - shape.weights, UTILIZED, best)


def taken(settings: Settings, shape: Shape, device: Device, *, gpus: Sequence[Gpu], host: Memory) -> Mistake | None:
    """What does not fit at this moment, because others have it; as a mistake in the settings, if they are to yield."""
    if device == "cpu":
        wanted = int(settings.engine.extra.get("kv_cache_memory_bytes") or KV_CACHE_BYTES)
        needed = HOST_BASE_BYTES + settings.engine.devices * (shape.weights + wanted)
        return too_much(settings, shape, wanted, host.free) if needed > host.free else None
    part = utilization(settings)
    full = min(gpus[: settings.engine.devices], key=lambda gpu: gpu.memory.free / gpu.memory.total).memory
    if part * full.total <= full.free or "kv_cache_memory_bytes" in settings.engine.extra:
        return None
    message = (
        f"{part:g} of {full.total / GIB:.1f} GiB are wanted, and {full.free / GIB:.1f} GiB are free on a GPU: end what "
        "takes the rest (nvidia-smi lists it)"
    )
    return Mistake(message, *UTILIZED, works=down(full.free / full.total))


def utilization(settings: Settings) -> float:
    return float(settings.engine.extra.get("gpu_memory_utilization", UTILIZATION))


def step_bytes(settings: Settings, shape: Shape) -> int:
    """What a step takes for a moment: the layers' activations, and logits for each sequence, in float32."""
    tokens = int(settings.engine.extra.get("max_num_batched_tokens") or GPU_STEP_TOKENS)
    sequences = settings.traffic.concurrency or GPU_SEQUENCES
    return tokens * 2 * (4 * shape.hidden + 2 * shape.inner) + 2 * 4 * sequences * shape.vocabulary


def down(part: float) -> float:
    """To hundredths, and a little less than all."""
    return int(part * 100 - 0.5) / 100
