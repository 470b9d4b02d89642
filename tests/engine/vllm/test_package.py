"""`engine.extra` is checked against vLLM's own source, without importing it."""

import dataclasses

import pytest

from sluice.engine.vllm.package import check_extra, known_arguments
from sluice.errors import SettingsError
from tests.conftest import Started


def test_an_argument_that_vllm_does_not_know_is_named() -> None:
    check_extra({"kv_cache_memory_bytes": 1, "enable_prefix_caching": False})
    with pytest.raises(
        SettingsError, match=r"^engine.extra.enable_prefix_cachin: .*did you mean enable_prefix_caching\?"
    ):
        check_extra({"enable_prefix_cachin": False})


async def test_the_names_are_those_of_the_class(vllm: Started) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    assert known_arguments() == {field.name for field in dataclasses.fields(AsyncEngineArgs)}
