"""What vLLM itself refuses for the moment is the client's to try again; 0.33 and later, whose engine says so."""

from typing import Any

import pytest
from vllm.v1.engine import EngineCoreOutput

from sluice.engine.base import Sampling
from sluice.engine.gathered import Gathered
from sluice.errors import Unavailable
from tests.conftest import Started


@pytest.fixture(params=["vllm", "public"])
def engine(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.mark.skipif(not hasattr(EngineCoreOutput, "error"), reason="this vLLM keeps such requests until it goes on")
async def test_an_engine_that_is_paused(engine: Started) -> None:
    prompt = await engine.render("1 2 3")
    await engine.running.pause_generation()
    try:
        gathered = Gathered()
        engine.submit("refused", prompt, Sampling(temperature=0.0, max_tokens=4), gathered)
        with pytest.raises(Unavailable) as failed:
            await gathered.all()
    finally:
        await engine.running.resume_generation()
    assert failed.value.retry_after
    assert failed.value.message == "Generation is paused. Please retry after it resumes."
    gathered = Gathered()
    engine.submit("taken", prompt, Sampling(temperature=0.0, max_tokens=4, ignore_eos=True), gathered)
    assert sum(delta.tokens for delta in await gathered.all()) == 4
