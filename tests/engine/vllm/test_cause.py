"""What is said of what vLLM says. The messages are vLLM 0.32's and torch's, put together as their sources do; those of
a CPU, the hub and the architecture are met for real in tests/cli/test_failing.py."""

from typing import Any

import pytest

from sluice.engine.vllm.cause import explained, failure
from sluice.errors import EngineFailed
from sluice.settings import Settings

SEE = "See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."
MESSAGES: dict[str, tuple[str, str, Any]] = {
    "too long": (
        "ValueError: To serve at least one request with the model's max seq len (40960), (5.62 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (3.1 GiB). Based on the available memory, the estimated "
        "maximum model length is 22560. Try increasing `gpu_memory_utilization` (which also controls CPU memory on the "
        f"CPU backend) or decreasing `max_model_len` when initializing the engine. {SEE}",
        "engine.max_model_len: a sequence of 40,960 tokens needs 5.62 GiB of KV cache, and there are 3.1 GiB",
        22560,
    ),
    "no cache": (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
        f"initializing the engine (this flag also controls CPU memory reservation on the CPU backend). {SEE}",
        "engine.extra.gpu_memory_utilization: nothing is left for the KV cache beside the weights and a step",
        0.95,
    ),
    "taken": (
        "ValueError: Free memory on device cuda:0 (10.5/79.1 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 72.77 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "engine.extra.gpu_memory_utilization: 0.92 of 79.1 GiB are wanted, and 10.5 GiB are free: end what takes the",
        0.12,
    ),
    "taken on a CPU": (
        "ValueError: Available memory on node 0 (20.3/23.5 GiB) on kv cache allocation is less than requested memory "
        "for kv (92.2 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by "
        "other processes.",
        "engine.extra.kv_cache_memory_bytes: 92.2 GiB of KV cache are wanted, and 20.3 GiB of memory are free",
        int(19.3 * 1024**3),
    ),
    "out of memory": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total capacity of 79.11 "
        "GiB of which 1.80 GiB is free. Including non-PyTorch memory, this process has 77.30 GiB memory in use.",
        "engine.extra.gpu_memory_utilization: a GPU of 79.11 GiB has run out of memory: 2.32 GiB more were needed, and "
        "1.80 GiB were free",
        0.84,
    ),
    "too many": (
        "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try "
        "lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.",
        "traffic.concurrency: a GPU has run out of memory for a step of 1024 sequences",
        512,
    ),
    "architecture": (
        "Model architectures ['FooForCausalLM'] are not supported for now. Supported architectures: dict_keys(['A'])",
        "model: this vLLM does not know its architecture, FooForCausalLM",
        None,
    ),
    "kind": (
        "The checkpoint you are trying to load has model type `foo` but Transformers does not recognize this "
        "architecture. This could be because of an issue with the checkpoint",
        "model: this Transformers does not know its kind of model, foo",
        None,
    ),
    "devices": (
        "ValueError: World size (4) is larger than the number of available GPUs (2) in this node.",
        "engine.tensor_parallel_size: 4 GPUs are needed, and there are 2",
        None,
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_one_line_with_a_value_that_would_do(name: str) -> None:
    said, line, works = MESSAGES[name]
    found: Any = explained(said, Settings())
    assert str(found).startswith(line)
    assert "\n" not in str(found)
    assert found.works == works
    if works is not None:
        values: dict[str, Any] = {}
        *above, last = found.place
        section = values
        for key in above:
            section = section.setdefault(key, {})
        section[last] = works
        Settings.model_validate(values)


def test_what_is_not_known_is_told_as_it_is() -> None:
    error = failure("KeyError: 'lm_head'", Settings())
    assert isinstance(error, EngineFailed)
    assert str(error) == "The model demo cannot be loaded: KeyError: 'lm_head'"
