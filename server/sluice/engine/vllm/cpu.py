"""How vLLM is started on a CPU, where its own defaults are for a GPU or for a machine of its own."""

import os
from typing import Any

from sluice.settings import Settings

KV_CACHE_BYTES = 2 * 1024**3
"""vLLM's own default is nearly all of the machine's memory."""

STEP_TOKENS = 64
"""The least that a step may take, prompts and all. Thousands, as on a GPU, would take a CPU seconds; so a long prompt
comes in pieces, and nobody waits long behind it."""


def arguments(max_num_seqs: int | None) -> dict[str, Any]:
    """Of vLLM's engine arguments, those that are different here; None leaves one to vLLM."""
    return {
        "kv_cache_memory_bytes": KV_CACHE_BYTES,
        "max_num_batched_tokens": max(STEP_TOKENS, 4 * max_num_seqs) if max_num_seqs else None,
        "worker_cls": "sluice.engine.vllm.cpu_worker.CPUWorker",
    }


def prepare_environment(settings: Settings) -> None:
    """Defaults for the engine's processes; what the user has set stays."""
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # weights and KV cache on huge pages
    if settings.engine.devices > 1:
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
