"""A spare that cannot be loaded is none, and takes nothing down with it."""

import pytest

from sluice.engine.vllm.launch import Launch
from sluice.engine.vllm.spare import Loaded, Spare
from sluice.errors import EngineFailed
from sluice.settings import Settings
from sluice.settings.section import Mistake


@pytest.mark.parametrize("error", [EngineFailed("It died."), Mistake("there is no room", "engine", "max_model_len")])
async def test_it_is_none(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    async def load(launch: Launch) -> Loaded:
        raise error

    launch = Launch(Settings(), "cpu")
    launch.own = []
    assert await Spare(launch, load).take() is None
    assert f"There is no spare engine: {error}" in capfd.readouterr().err
