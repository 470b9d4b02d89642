"""What is different when vLLM runs on a CPU."""

from random import Random

import pytest

from sluice.engine.base import Delta, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.launch import arguments
from sluice.settings import Settings
from tests.conftest import Started


def step_tokens(concurrency: int | None, **engine: object) -> object:
    settings = Settings.model_validate({"traffic": {"concurrency": concurrency}, "engine": {"device": "cpu"} | engine})
    return arguments(settings, "cpu").get("max_num_batched_tokens")


@pytest.mark.parametrize(("concurrency", "workers", "tokens"), [(1, 1, 64), (16, 1, 64), (256, 1, 1024), (256, 4, 256)])
def test_a_step_is_short(concurrency: int, workers: int, tokens: int) -> None:
    assert step_tokens(concurrency, workers=workers) == tokens


def test_the_settings_have_the_last_word() -> None:
    assert step_tokens(16, extra={"max_num_batched_tokens": 512}) == 512
    assert step_tokens(None) is None


async def test_a_seeded_prompt_may_come_in_pieces(vllm: Started) -> None:
    """The second time it doesn't: the prompt's blocks are cached by then."""
    engine = vllm.engine
    prompt = await engine.render(" ".join(Random(1).choices("river lamp seven of goes bread the".split(), k=300)))
    assert len(prompt.tokens) > 2 * engine.running.vllm_config.scheduler_config.max_num_batched_tokens

    async def answer(seed: int) -> list[Delta]:
        gathered = Gathered()
        sampling = Sampling(temperature=2.0, max_tokens=8, seed=seed, ignore_eos=True)
        engine.submit("in-pieces", prompt, sampling, gathered)
        return await gathered.all()

    once, again, otherwise = [await answer(seed) for seed in (7, 7, 8)]
    assert once == again != otherwise
    assert not engine.is_dead()
