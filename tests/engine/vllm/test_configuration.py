"""What vLLM refuses to be started with, and the key that is told for it."""

import pytest

from sluice.engine.vllm.configuration import configure
from sluice.engine.vllm.launch import arguments
from sluice.settings import Settings
from sluice.settings.section import Mistake


def try_out(engine: dict[str, object], **more: object) -> None:
    settings = Settings.model_validate({"engine": {"device": "cpu"} | engine} | more)
    configure(settings, arguments(settings, "cpu"))


MISTAKES: dict[str, tuple[dict[str, object], str]] = {
    "max_model_len": ({"max_model_len": 100_000}, r"engine\.max_model_len: .*100000.*32768"),
    "text": ({"extra": {"max_num_batched_tokens": "many"}}, r"engine\.extra\.max_num_batched_tokens: .*integer"),
    "quoted": ({"extra": {"max_num_batched_tokens": "64"}}, r"engine\.extra\.max_num_batched_tokens: .*type int"),
    "true": ({"extra": {"max_num_batched_tokens": True}}, r"engine\.extra\.max_num_batched_tokens: .*type int"),
    "zero": ({"extra": {"max_num_batched_tokens": 0}}, r"engine\.extra\.max_num_batched_tokens: .*greater than"),
    "NaN": ({"extra": {"gpu_memory_utilization": float("nan")}}, r"engine\.extra\.gpu_memory_utilization: "),
    "too much": ({"extra": {"gpu_memory_utilization": 7}}, r"engine\.extra\.gpu_memory_utilization: .*equal to 1"),
    "no such one": ({"extra": {"kv_cache_dtype": "fp7"}}, r"engine\.extra\.kv_cache_dtype: .*'auto'"),
    "no method": ({"extra": {"quantization": "nonsense"}}, r"engine\.extra\.quantization: .*nonsense"),
    "inside": ({"extra": {"compilation_config": {"foo": 1}}}, r"engine\.extra\.compilation_config\.foo: "),
    "no bool": ({"extra": {"enforce_eager": "yes"}}, r"engine\.extra\.enforce_eager: .*type bool"),
    "no mapping": ({"extra": {"hf_overrides": 3}}, r"engine\.extra\.hf_overrides: "),
    "heads": ({"tensor_parallel_size": 3}, r"engine\.tensor_parallel_size: .*divisible"),
    "undeclared": ({"extra": {"quantization_config": 3}}, r""),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_it_names_the_key(name: str) -> None:
    engine, pattern = MISTAKES[name]
    with pytest.raises(Mistake, match=f"^{pattern}") as error:
        try_out(engine)
    assert len(error.value.message) < 300


def test_what_fits_is_made() -> None:
    try_out({"max_model_len": 4096, "extra": {"max_num_batched_tokens": 64, "enforce_eager": True}})
