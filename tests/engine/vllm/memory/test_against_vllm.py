"""The estimate beside what vLLM itself has found for the model that it has loaded."""

from sluice.engine.gpus import host_memory
from sluice.engine.vllm.memory.estimate import estimate
from sluice.engine.vllm.memory.files import read
from sluice.engine.vllm.memory.shape import Shape
from sluice.settings import Settings
from tests.conftest import REAL, Started


async def test_as_many_tokens_fit_as_vllm_says(vllm: Started) -> None:
    settings = Settings.model_validate(REAL)
    found = estimate(settings, Shape.of(read(settings), settings.engine), "cpu", gpus=(), host=host_memory())
    cache = vllm.engine.running.vllm_config.cache_config
    assert cache.num_gpu_blocks
    assert abs(found.kv_tokens - cache.num_gpu_blocks * cache.block_size) <= cache.block_size
