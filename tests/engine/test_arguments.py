"""What vLLM is started with."""

import pytest

from server.engine.vllm import VLLMEngine
from server.settings import Settings


def step_tokens(concurrency: int | None, **engine: object) -> object:
    settings = Settings.model_validate({"traffic": {"concurrency": concurrency}, "engine": {"device": "cpu"} | engine})
    return VLLMEngine(settings, "cpu").arguments().get("max_num_batched_tokens")


@pytest.mark.parametrize(("concurrency", "workers", "tokens"), [(1, 1, 64), (16, 1, 64), (256, 1, 1024), (256, 4, 256)])
def test_a_step_on_a_processor_is_short(concurrency: int, workers: int, tokens: int) -> None:
    assert step_tokens(concurrency, workers=workers) == tokens


def test_the_settings_have_the_last_word() -> None:
    assert step_tokens(16, extra={"max_num_batched_tokens": 512}) == 512
    assert step_tokens(None) is None
