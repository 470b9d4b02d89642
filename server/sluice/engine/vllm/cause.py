"""What vLLM says when it cannot load a model, as one line that says what to do."""

import re
from collections.abc import Callable

from sluice.engine.vllm.memory.room import GIB, KV_BYTES, UTILIZED, utilization
from sluice.errors import EngineFailed, RequestError, SettingsError, shown
from sluice.settings import Settings
from sluice.settings.section import Mistake

Explanation = Callable[[re.Match[str], Settings], Mistake]
LESS = 0.08
"""Of a GPU's memory: what is tried next where a step or CUDA graphs have found too little beside the KV cache."""


def too_long(found: re.Match[str], settings: Settings) -> Mistake:
    length, needed, there, fits = found.groups()
    message = f"a sequence of {int(length):,} tokens needs {needed} GiB of KV cache, and there are {there} GiB"
    if fits is None:
        return Mistake(f"{message}: raise {'.'.join(UTILIZED)}, or take a smaller model", "engine", "max_model_len")
    return Mistake(message, "engine", "max_model_len", works=int(fits))


def no_cache(found: re.Match[str], settings: Settings) -> Mistake:
    part = utilization(settings)
    message = "nothing is left for the KV cache beside the weights and a step"
    if part < 0.95:
        return Mistake(message, *UTILIZED, works=0.95)
    return Mistake(f"{message}: take a smaller model, one that is quantized, or more GPUs", "model")


def taken(found: re.Match[str], settings: Settings) -> Mistake:
    free, total = float(found["free"]), float(found["total"])
    message = f"{found['part']} of {total:g} GiB are wanted, and {free:g} GiB are free: end what takes the rest"
    return Mistake(message, *UTILIZED, works=int(free / total * 100 - 0.5) / 100)


def taken_here(found: re.Match[str], settings: Settings) -> Mistake:
    free, wanted = float(found["free"]), float(found["wanted"])
    message = f"{wanted:g} GiB of KV cache are wanted, and {free:g} GiB of memory are free"
    return Mistake(message, *KV_BYTES, works=int((free - 1) * GIB) if free > 1.5 else None)


def out_of_memory(found: re.Match[str], settings: Settings) -> Mistake:
    tried, total, free = found["tried"], found["total"], found["free"]
    message = f"a GPU of {total} has run out of memory: {tried} more were needed, and {free} were free"
    return Mistake(message, *UTILIZED, works=round(utilization(settings) - LESS, 2))


def too_many(found: re.Match[str], settings: Settings) -> Mistake:
    fewer = max(1, int(found["sequences"]) // 2)
    message = f"a GPU has run out of memory for a step of {found['sequences']} sequences"
    return Mistake(message, "traffic", "concurrency", works=fewer * settings.engine.workers)


def unknown_architecture(found: re.Match[str], settings: Settings) -> Mistake:
    return Mistake(f"this vLLM does not know its architecture, {shown(found[1])}: a newer vLLM may", "model")


def unknown_kind(found: re.Match[str], settings: Settings) -> Mistake:
    return Mistake(
        f"this Transformers does not know its kind of model, {shown(found[1])}: a newer one may. If the model brings "
        "its own code, and you trust that: engine.extra.trust_remote_code, with code_revision",
        "model",
    )


def too_few(found: re.Match[str], settings: Settings) -> Mistake:
    return Mistake(f"{found[1]} GPUs are needed, and there are {found[2]}", "engine", "tensor_parallel_size")


KNOWN: list[tuple[str, Explanation]] = [
    (
        r"max seq len \((\d+)\), \(([\d.]+) GiB KV cache is needed, .*?KV cache memory \(([\d.]+) GiB\)"
        r"(?:.*?maximum model length is (\d+))?",
        too_long,
    ),
    (r"No available memory for the cache blocks", no_cache),
    (
        r"Free memory on device.*?\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than "
        r"desired GPU memory utilization \((?P<part>[\d.]+)",
        taken,
    ),
    (
        r"Available memory on node \d+ \((?P<free>[\d.]+)/[\d.]+ GiB\) on kv cache allocation is less than "
        r"requested memory for kv \((?P<wanted>[\d.]+)",
        taken_here,
    ),
    (r"out of memory occurred when warming up sampler with (?P<sequences>\d+)", too_many),
    (
        r"CUDA out of memory. Tried to allocate (?P<tried>[\d.]+ \w+)\. GPU \d+ has a total capacity of "
        r"(?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free",
        out_of_memory,
    ),
    (r"Model architectures? \[?'?([\w.]+)'?.*? not (?:supported|in-tree)", unknown_architecture),
    (r"has model type `([^`]+)` but Transformers does not recognize", unknown_kind),
    (r"World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)", too_few),
]
"""vLLM 0.32's and 0.33's words, Transformers' and torch's."""


def explained(cause: str, settings: Settings) -> SettingsError | None:
    """None for what is not known."""
    line = " ".join(cause.split())
    for pattern, explain in KNOWN:
        if found := re.search(pattern, line):
            return explain(found, settings)
    return None


def failure(cause: str, settings: Settings) -> SettingsError | RequestError:
    """What to raise for it."""
    known = explained(cause, settings)
    if known is not None:
        return known
    return EngineFailed(f"The model {settings.model} cannot be loaded: {cause}")
