"""Load on servers that answer slowly, or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from sluice.bench.client import Client
from sluice.bench.connection import Pool
from sluice.bench.greeting import Subject
from sluice.bench.load import Load
from sluice.bench.target import Target
from tests.bench.peer import END, STREAM, Peer, answering, events, whole

DONE = [STREAM, events('{"choices":[{"delta":{"content":"1"},"finish_reason":"stop"}]}', "[DONE]"), END]


@asynccontextmanager
async def loading(peer: Peer, retries: int = 0) -> AsyncIterator[Load]:
    """A load of two tenants, the second of which asks twice as often."""
    target = Target(peer.url)
    messages = [target.post("/chat", {"tenant": tenant}) for tenant in (1, 2, 2)]
    subject = Subject(peer.url, "theirs", "/livez", target.get("/livez"), messages, {})
    pool = Pool(target.host, target.port, target.tls, time.perf_counter)
    client = Client(pool, 30, time.perf_counter, Random(1))
    yield Load(client, subject, retries, asyncio.Event(), random=Random(1), clock=time.perf_counter)
    pool.close()


def silent(path: str, body: bytes) -> Sequence[bytes] | None:
    return whole(200, b"") if path == "/livez" else None


async def test_arrivals_wait_for_nobody_and_are_cut_when_it_is_stopped() -> None:
    async with answering(silent) as peer, loading(peer) as load:
        measuring = asyncio.create_task(load.open(rate=200, seconds=60))
        async with asyncio.timeout(20):
            while peer.requests.count("/chat") < 100:  # noqa: ASYNC110 - the peer only counts
                await asyncio.sleep(0.01)
        load.stop.set()
        run = await asyncio.wait_for(measuring, 5)
    assert len(run.requests) >= 100
    assert {attempt.outcome for request in run.requests for attempt in request.attempts} == {"unfinished"}
    assert run.until - run.began < 20
    assert {probe.status for probe in run.probes[:-5]} == {200}
    second = sum(request.tenant for request in run.requests) / len(run.requests)
    assert second == pytest.approx(2 / 3, abs=0.15)


async def test_a_closed_loop_has_so_many_clients() -> None:
    async with answering(lambda path, body: DONE) as peer, loading(peer) as load:
        run = await load.closed(clients=3, seconds=0.5)
        assert peer.connections == 3
    assert len(run.requests) > 10
    assert {attempt.outcome for request in run.requests for attempt in request.attempts} == {"finished"}


async def test_no_client_tries_again_after_the_last_arrival() -> None:
    refused = whole(429, b"", "Retry-After: 0.2")
    async with answering(lambda path, body: refused) as peer, loading(peer, retries=10) as load:
        run = await load.open(rate=50, seconds=1)
    attempts = [attempt for request in run.requests for attempt in request.attempts]
    assert 2 * len(run.requests) < len(attempts) < 6 * len(run.requests)
    assert max(attempt.due for attempt in attempts) <= run.began + 1


@pytest.mark.parametrize("other", [whole(429, b"", "Retry-After: 0.01"), whole(500, b"")])
async def test_arrivals_are_the_same_whatever_is_answered(other: list[bytes]) -> None:
    first, second = await arrivals(DONE), await arrivals(other)
    assert min(len(first), len(second)) > 20
    for (due, tenant), (other_due, other_tenant) in zip(first, second, strict=False):
        assert due == pytest.approx(other_due)
        assert tenant == other_tenant


async def arrivals(answer: list[bytes]) -> list[tuple[float, int]]:
    """When requests were due, since the load began, and whose they were; all get the same answer."""
    async with answering(lambda path, body: answer) as peer, loading(peer, retries=1) as load:
        run = await load.open(rate=50, seconds=1)
    return [(request.attempts[0].due - run.began, request.tenant) for request in run.requests]
