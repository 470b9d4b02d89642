"""All that has a server of its own here runs on both transports, but for what says that it is the accelerator's."""

import pytest

from tests.api.in_time import Start, starting


@pytest.fixture(params=["accelerated", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def in_time(transport: str) -> Start:
    return starting(transport)
