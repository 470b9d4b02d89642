"""What `/metrics` tells, and that a client which asks for it all the time takes nothing from a running stream."""

import asyncio
import hashlib
import re
import time
from http.client import HTTPConnection

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.held import held
from tests.served import OPERATOR, OPERATORS
from tests.test_lifecycle import counting

SECONDS = 1.0
TENANTS = [{"name": f"tenant-{n}", "keys": [f"sha256:{hashlib.sha256(b'sk-%d' % n).hexdigest()}"]} for n in range(3000)]


def keep_asking(url: str, path: str) -> int:
    """Over one connection, as fast as it can; how often it could."""
    host, port = url.removeprefix("http://").split(":")
    connection, answers = HTTPConnection(host, int(port)), 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        connection.request("GET", path, headers=OPERATOR)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        answers += 1
    connection.close()
    return answers


@pytest.mark.parametrize("transport", ["accelerated"])
@pytest.mark.parametrize("path", ["/metrics", "/status", "/docs", "/openapi.json"])
async def test_who_asks_all_the_time_does_not_hold_the_loop(serve: Serve, path: str) -> None:
    settings = OPERATORS | {"tenants": TENANTS}
    async with (
        serve(FakeEngine(0.01), settings) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60, headers={"x-api-key": "sk-0"}) as client,
    ):
        stream = asyncio.create_task(client.post("/v1/chat/completions", json=counting(50)))
        await server.has(running=1)
        async with held() as loop:
            assert await asyncio.to_thread(keep_asking, server.url, path) >= 1
        assert loop.longest < 0.05
        assert (await stream).text.endswith("data: [DONE]\n\n")


async def test_the_process_is_in_them_and_nothing_is_twice(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert len(names) == len(set(names))
    values = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    assert values["process_cpu_seconds_total"] > 0
    assert values["process_resident_memory_bytes"] > 10e6
    assert 3 < values["process_open_fds"] < values["process_max_fds"]
    assert 'python_gc_collections_total{generation="2"}' in values


async def test_who_waits_is_counted_by_class_and_tenant(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:

        async def inside() -> list[tuple[str, str, float]]:
            """Where somebody is."""
            found = re.findall(r"^sluice_(\w+)\{class=\"(\w+)\",tenant=\"anonymous\"\} (.+)$", await text(), re.M)
            return sorted((name, kind, float(count)) for name, kind, count in found if float(count))

        async def text() -> str:
            return (await client.get("/metrics")).text

        asked = []
        for tier, numbers in (("default", {"running": 1}), ("flex", {"waiting": 1}), ("flex", {"waiting": 2})):
            body = counting(3) | {"service_tier": tier}
            asked.append(asyncio.create_task(client.post("/v1/chat/completions", json=body)))
            await server.has(**numbers)
        assert await inside() == [("running", "interactive", 1), ("waiting", "batch", 2)]
        fake.going.set()
        await asyncio.gather(*asked)
        assert await inside() == []
