"""The direct way, or nothing."""

import pytest

from tests.conftest import Started


@pytest.fixture
def direct(vllm: Started) -> Started:
    if vllm.output_path != "direct":
        pytest.skip(f"the direct way does not fit: {vllm.misfit}")
    return vllm
