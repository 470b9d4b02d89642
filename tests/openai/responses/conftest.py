"""What has a server of its own here runs on both transports."""

import pytest


@pytest.fixture(params=["accelerated", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen
