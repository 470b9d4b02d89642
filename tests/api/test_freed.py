"""What a request was made of is freed with its answer, and does not wait for the garbage collector.

Freed memory is used again while the processor still has it at hand; what waits for the collector is found cold.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": counting(3, stream=False) | {"n": 2},
    "/v1/responses": {"model": "demo", "input": "Count from 1 to 3."},
    "/v1/messages": counting(3) | {"max_tokens": 9},
}


def ours() -> Counter[str]:
    """How many objects of each of our own classes there are."""
    kinds = map(type, gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("sluice."))


async def left_by(ask: Callable[[], Awaitable[None]]) -> Counter[str]:
    """What is there after it has been asked three more times, and was not before; tasks end after their answers."""
    await ask()
    gc.collect()
    gc.disable()
    try:
        before = ours()
        for _ in range(3):
            await ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while ours() - before:  # noqa: ASYNC110 (nobody is told)
                    await asyncio.sleep(0.01)
        return ours() - before
    finally:
        gc.enable()


@pytest.mark.parametrize("transport", ["accelerated"])  # sse-starlette's tasks end with tracebacks, for the collector
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", sorted(BODIES))
async def test_a_request_leaves_nothing_to_the_garbage_collector(
    serve: Serve, fake: FakeEngine, stream: bool, path: str
) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:

        async def ask() -> None:
            body = BODIES[path] | {"stream": stream}
            assert (await client.post(path, json=body)).status_code == 200

        assert await left_by(ask) == Counter()


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "no JSON": ({"content": b"{"}, 400),
    "a field": ({"json": counting(3) | {"n": 0}}, 400),
    "a field of a long body": ({"json": counting(3) | {"n": 0, "user": "a" * 100_000}}, 400),
    "a model": ({"json": counting(3) | {"model": "another"}}, 404),
    "a prompt": ({"json": counting(3) | {"messages": [{"role": "user", "content": "a" * 1_000_000}]}}, 400),
    "a length": ({"json": counting(3) | {"max_tokens": 1_000_000}}, 400),
    "seats": ({"json": counting(3) | {"n": 128}}, 400),
    "a body": ({"content": b"a" * 5_000_000}, 413),
    "gzip": ({"content": b"{}", "headers": {"Content-Encoding": "gzip"}}, 400),
}


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_nor_does_what_is_refused(serve: Serve, fake: FakeEngine, sent: dict[str, Any], status: int) -> None:
    """Tracebacks know all that a request is made of: who keeps one in a circle keeps the body."""
    async with (
        serve(fake, max_concurrency=16) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):

        async def ask() -> None:
            asked = {"headers": {"Content-Type": "application/json"} | sent.get("headers", {})}
            assert (await client.post("/v1/chat/completions", **sent | asked)).status_code == status

        assert await left_by(ask) == Counter()
