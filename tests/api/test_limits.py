"""The two limits from the outside: exact, cheap to hit, and always given back."""

import asyncio
import random

import httpx
import pytest
from openai import AsyncOpenAI, RateLimitError

from sluice.admission.controller import REASONS
from sluice.errors import EngineFailed
from sluice.telemetry.exposition import exposition
from tests.conftest import Serve, Started
from tests.fake import EXITS, FakeEngine


def counted(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


async def count(client: AsyncOpenAI, last: int) -> str:
    """Ask for a stream, and put it together."""
    stream = await client.chat.completions.create(
        model="demo", stream=True, temperature=0, messages=[{"role": "user", "content": f"Count from 1 to {last}."}]
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def test_64_streams_at_once(serve: Serve, vllm: Started) -> None:
    """8 run, 24 are inside, 40 are refused; and every stream is exact."""
    async with serve(vllm, concurrency=8, max_concurrency=24) as server:
        queue = server.lifecycle.controller.scheduler
        queue.resize(0)  # none is answered before all have come
        async with server.openai() as client:
            asking = [asyncio.create_task(count(client, 40)) for _ in range(64)]
            await server.has(waiting=24, rejected=dict.fromkeys(REASONS, 0) | {"max_concurrency": 40})
            queue.resize(8)
            answers = await asyncio.gather(*asking, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, RateLimitError)]
        assert len(refused) == 40
        assert [answer for answer in answers if isinstance(answer, str)] == [counted(40)] * 24
        for refusal in refused:
            assert 1 <= int(refusal.response.headers["retry-after"]) <= 30
            assert (refusal.type, refusal.code) == ("overloaded_error", "max_concurrency")
        status = await server.status()
        assert (status["peak_admitted"], status["peak_running"]) == (24, 8)
        assert status["rejected"]["max_concurrency"] == 40
        await server.is_empty()
        await engine_is_idle(vllm)


async def engine_is_idle(vllm: Started) -> None:
    """vLLM's own metrics show nothing running or waiting, and its KV cache empty, before long."""
    wanted = {"vllm:num_requests_running": 0.0, "vllm:num_requests_waiting": 0.0, "vllm:kv_cache_usage_perc": 0.0}
    async with asyncio.timeout(30):
        while True:
            lines = exposition(vllm.engine.metrics()).decode().splitlines()
            gauges = {line.split("{")[0]: float(line.split()[-1]) for line in lines if line.split("{")[0] in wanted}
            if gauges == wanted:
                return
            await asyncio.sleep(0.02)


async def test_200_clients_that_hang_up(serve: Serve, vllm: Started) -> None:
    """Whatever phase they are in: nothing is left, and the next answer is exact."""
    dice = random.Random(7)

    async def hang_up(client: AsyncOpenAI) -> None:
        try:
            async with asyncio.timeout(dice.uniform(0, 1.5)):
                await count(client, 400)
        except (TimeoutError, RateLimitError):
            pass

    async with serve(vllm, concurrency=8, max_concurrency=150) as server, server.openai() as client:
        await asyncio.gather(*(hang_up(client) for _ in range(200)))
        await server.is_empty()
        await engine_is_idle(vllm)
        assert (await server.status())["finished"]["aborted"] > 0
        assert await count(client, 30) == counted(30)


async def test_concurrency_1_is_strictly_one_after_the_other(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, concurrency=1) as server, server.openai() as client:
        answers = await asyncio.gather(*(count(client, 5) for _ in range(20)))
        assert answers == [counted(5)] * 20
        assert fake.peak_live == 1


async def test_without_limits_all_run_at_once(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake) as server, server.openai() as client:
        asking = [asyncio.create_task(count(client, 3)) for _ in range(100)]
        await server.has(running=100)
        fake.going.set()
        assert await asyncio.gather(*asking) == [counted(3)] * 100


async def test_a_refusal_reads_no_body(serve: Serve, fake: FakeEngine) -> None:
    """The answer is there before the body is, and nothing is rendered for it."""
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server, server.openai() as client:
        inside = asyncio.create_task(count(client, 3))
        await server.has(running=1)
        rendered = fake.renders
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1\r\n" in head.lower()
        writer.close()
        await writer.wait_closed()
        assert fake.renders == rendered
        fake.going.set()
        assert await inside == counted(3)


@pytest.mark.parametrize("stream", [True, False])
async def test_n_takes_n_seats(serve: Serve, fake: FakeEngine, stream: bool) -> None:
    body = {"model": "demo", "n": 3, "stream": stream, "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
    fake.going.clear()
    async with (
        serve(fake, concurrency=2, max_concurrency=4) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        first = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        await server.has(running=2)
        status = await server.status()
        assert (status["admitted"], status["waiting"]) == (3, 1)
        assert (await client.post("/v1/chat/completions", json=body)).status_code == 429
        fake.going.set()
        assert (await first).status_code == 200
        too_many = await client.post("/v1/chat/completions", json=body | {"n": 5})
        assert (too_many.status_code, too_many.json()["error"]["param"]) == (400, "n")
        assert fake.peak_live == 2


async def test_an_engine_that_dies_ends_every_stream_with_an_error(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    body = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
    async with (
        serve(fake, EXITS, concurrency=1) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        running, waiting = (asyncio.create_task(client.post("/v1/chat/completions", json=body)) for _ in range(2))
        await server.has(waiting=1)
        fake.die()
        events = (await running).text.strip().split("\n\n")
        assert '"error"' in events[-1]
        assert "[DONE]" not in events[-1]
        assert (await waiting).status_code == 503
        assert (await server.status())["finished"]["failed"] == 2
        assert EngineFailed.outcome == "failed"
