"""What a request was made of is freed with its answer, and does not wait for the garbage collector.

Freed memory is used again while the processor still has it at hand; what waits for the collector is found cold.
"""

import gc
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": counting(3, stream=False) | {"n": 2},
    "/v1/responses": {"model": "demo", "input": "Count from 1 to 3."},
}


def ours() -> Counter[str]:
    """How many objects of each of our own classes there are."""
    kinds = map(type, gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("sluice."))


@pytest.mark.parametrize("transport", ["accelerated"])  # sse-starlette's tasks end with tracebacks, for the collector
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_a_request_leaves_nothing_to_the_garbage_collector(
    serve: Serve, fake: FakeEngine, stream: bool, path: str
) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:

        async def ask() -> None:
            body = BODIES[path] | {"stream": stream}
            assert (await client.post(path, json=body)).status_code == 200

        await ask()
        gc.collect()
        gc.disable()
        try:
            before = ours()
            for _ in range(3):
                await ask()
            assert ours() == before
        finally:
            gc.enable()
