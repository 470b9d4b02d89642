"""What fits into a GPU's memory, and what would: on devices that are numbers, for there is no GPU here."""

from typing import Any

import pytest

from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.memory.estimate import Estimate, estimate
from sluice.engine.vllm.memory.files import ModelFiles, Unknown
from sluice.engine.vllm.memory.room import taken
from sluice.engine.vllm.memory.shape import Shape
from sluice.settings import Settings
from sluice.settings.section import Mistake

GIB = 1024**3
HOST = Memory(64 * GIB, 60 * GIB)
QWEN3_8B: dict[str, Any] = {
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 4096,
    "intermediate_size": 12288, "max_position_embeddings": 40960, "vocab_size": 151936,
}  # fmt: skip
"""Its config.json, as far as it matters; 8.19 billion parameters."""
PARAMETERS = 8_190_735_360


def shape(config: dict[str, Any] = QWEN3_8B, parameters: int = PARAMETERS, **engine: Any) -> Shape:
    settings = Settings.model_validate({"engine": engine})
    return Shape.of(ModelFiles(config, {"BF16": parameters}), settings.engine)


def gpu(total: float, free: float | None = None) -> Gpu:
    return Gpu("NVIDIA", Memory(int(total * GIB), int((free or total - 0.5) * GIB)), "570", "GPU-1")


def on_gpus(*gpus: Gpu, parameters: int = PARAMETERS, **engine: Any) -> Estimate:
    settings = Settings.model_validate({"engine": engine, "traffic": {"concurrency": 64}})
    return estimate(settings, shape(parameters=parameters, **engine), "cuda", gpus=gpus, host=HOST)


def mistake(*gpus: Gpu, parameters: int = PARAMETERS, **engine: Any) -> tuple[str, Any]:
    """Where it is, and what would work."""
    with pytest.raises(Mistake) as error:
        on_gpus(*gpus, parameters=parameters, **engine)
    return ".".join(error.value.place), error.value.works


def test_a_model_that_fits_tells_how_much() -> None:
    found = on_gpus(gpu(80))
    assert (found.kv_token, found.max_model_len) == (2 * 36 * 8 * 128 * 2, 40960)
    assert found.weights == 2 * PARAMETERS
    assert 50 * GIB < found.kv_cache < 58 * GIB
    assert found.full_length == round(found.kv_tokens / 40960, 2)
    assert found.warning is None


def test_what_does_not_fit_has_a_length_that_does() -> None:
    place, works = mistake(gpu(22))
    assert place == "engine.max_model_len"
    assert 2048 < works < 40960
    assert on_gpus(gpu(22), max_model_len=works).full_length >= 1


def test_a_larger_part_of_the_gpu_comes_before_a_shorter_sequence() -> None:
    low = {"gpu_memory_utilization": 0.25}
    place, works = mistake(gpu(80), extra=low)
    assert place == "engine.extra.gpu_memory_utilization"
    assert on_gpus(gpu(80), extra={"gpu_memory_utilization": works}).full_length >= 1


def test_a_gpu_that_others_use_has_a_part_that_is_free() -> None:
    settings, used = Settings(), [gpu(80, 60)]
    assert on_gpus(*used).full_length > 1
    found: Any = taken(settings, shape(), "cuda", gpus=used, host=HOST)
    assert (".".join(found.place), found.works) == ("engine.extra.gpu_memory_utilization", 0.74)
    yielding = Settings.model_validate({"engine": {"extra": {"gpu_memory_utilization": found.works}}})
    assert taken(yielding, shape(), "cuda", gpus=used, host=HOST) is None
    assert taken(settings, shape(), "cuda", gpus=[gpu(80)], host=HOST) is None


def test_weights_that_are_too_large_are_shared_by_more_gpus() -> None:
    seventy = 70_000_000_000
    assert mistake(*[gpu(80)] * 4, parameters=seventy) == ("engine.tensor_parallel_size", 2)
    assert on_gpus(*[gpu(80)] * 4, parameters=seventy, tensor_parallel_size=4).full_length > 1
    assert mistake(gpu(80), parameters=seventy) == ("model", None)


def test_what_only_fits_without_a_step_is_a_warning() -> None:
    found = on_gpus(gpu(24))
    assert found.warning is not None
    assert found.warning.startswith("It may not fit: engine.extra.gpu_memory_utilization: a sequence of 40,960 tokens")


def test_a_cpu_has_what_is_set_if_it_is_there() -> None:
    settings = Settings.model_validate({"engine": {"extra": {"kv_cache_memory_bytes": 8 * GIB}}})
    assert estimate(settings, shape(), "cpu", gpus=(), host=HOST).kv_cache == 8 * GIB
    assert taken(settings, shape(), "cpu", gpus=(), host=HOST) is None
    now: Any = taken(settings, shape(), "cpu", gpus=(), host=Memory(64 * GIB, 24 * GIB))
    assert (now.place[-1], now.works) == ("kv_cache_memory_bytes", 22 * GIB - shape().weights)
    small = Memory(24 * GIB, 24 * GIB)
    with pytest.raises(Mistake) as error:
        estimate(settings, shape(), "cpu", gpus=(), host=small)
    assert error.value.place[-1] == "kv_cache_memory_bytes"
    fitting = {"engine": {"max_model_len": 4096, "extra": {"kv_cache_memory_bytes": error.value.works}}}
    assert estimate(Settings.model_validate(fitting), shape(), "cpu", gpus=(), host=small).full_length >= 1


def test_windows_and_latents_take_less() -> None:
    kinds = ["sliding_attention"] * 5 + ["full_attention"]
    mixed = shape(QWEN3_8B | {"num_hidden_layers": 6, "layer_types": kinds, "sliding_window": 1024})
    assert mixed.cache_of(40960) == 2 * 8 * 128 * 2 * (5 * 1024 + 40960)
    assert mixed.fitting(mixed.cache_of(40960)) == 40960
    assert mixed.fitting(mixed.cache_of(500)) == 500
    latent = shape(QWEN3_8B | {"kv_lora_rank": 512, "qk_rope_head_dim": 64}, tensor_parallel_size=2)
    assert latent.cache_of(1) == 36 * (512 + 64) * 2
    assert shape(extra={"kv_cache_dtype": "fp8"}).cache_of(1) == shape().cache_of(1) / 2
    assert shape(tensor_parallel_size=16).cache_of(1) == shape().cache_of(1) / 8
    assert shape({"text_config": QWEN3_8B}).cache_of(1) == shape().cache_of(1)


def test_what_is_quantized_stays_so() -> None:
    files = ModelFiles(QWEN3_8B, {"I32": 1000, "F16": 100, "F8_E4M3": 10})
    engine = Settings.model_validate({"engine": {"dtype": "float32"}}).engine
    assert Shape.of(files, engine).weights == 4 * 1000 + 4 * 100 + 10


def test_a_config_that_does_not_tell_is_no_error_of_the_settings() -> None:
    with pytest.raises(Unknown, match="num_hidden_layers"):
        shape({"vocab_size": 10})
