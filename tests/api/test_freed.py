"""What a request was made of is freed with its answer, and does not wait for the garbage collector.

Freed memory is used again while the processor still has it at hand; what waits for the collector is found cold.
"""

import gc
from collections import Counter

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting


def ours() -> Counter[str]:
    """How many objects of each of our own classes there are."""
    kinds = map(type, gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("sluice."))


@pytest.mark.parametrize("transport", ["accelerated"])  # sse-starlette's tasks end with tracebacks, for the collector
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "fields"), [("/v1/chat/completions", {"n": 2}), ("/v1/messages", {"max_tokens": 9})])
async def test_a_request_leaves_nothing_to_the_garbage_collector(
    serve: Serve, fake: FakeEngine, path: str, fields: dict[str, int], stream: bool
) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:

        async def ask() -> None:
            assert (await client.post(path, json=counting(3, stream) | fields)).status_code == 200

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
