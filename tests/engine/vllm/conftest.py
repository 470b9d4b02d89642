"""vLLM's renderer without an engine, for any tokenizer and template."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluice.engine.vllm.launch import arguments, prepare_environment
from sluice.settings import Settings
from sluice.settings.models import DEMO

RendererOf = Callable[[Path], Any]


@pytest.fixture(scope="session")
def renderer_of() -> RendererOf:
    """vLLM's renderer for the model in a folder."""

    def make(folder: Path) -> Any:
        settings = Settings.model_validate({"model": str(folder), "engine": {"device": "cpu"}})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # vLLM's imports warn of their own
            prepare_environment(settings, "cpu")
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.renderers import renderer_from_config

            return renderer_from_config(AsyncEngineArgs(**arguments(settings, "cpu")).create_engine_config())

    return make


@pytest.fixture(scope="session")
def demo_renderer(renderer_of: RendererOf) -> Any:
    return renderer_of(DEMO)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A copy of the embedded model, to be changed."""
    return Path(shutil.copytree(DEMO, tmp_path / "model", ignore=shutil.ignore_patterns("*.py", "__pycache__")))
