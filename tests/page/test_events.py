"""`/status/events`: the history, then what is new, for as long as the server lives and no longer."""

import asyncio
import signal
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.page.watching import until, watching
from tests.test_asgi_servers import serving
from tests.test_lifecycle import HANGS_SOON, counting, serve_fake, streaming


@pytest.fixture(params=["accelerated", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


async def test_a_burst_is_in_the_history_of_whoever_comes_after_it(serve: Serve) -> None:
    async with serve(FakeEngine(0.02), concurrency=2, max_concurrency=3) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            asking = [client.post("/v1/chat/completions", json=counting(60)) for _ in range(5)]
            statuses = sorted([answer.status_code for answer in await asyncio.gather(*asking)])
            assert statuses == [200, 200, 200, 429, 429]
        async with watching(server.url) as events:
            await until(events, admitted=0, viewers=1)
        async with watching(server.url) as events:
            name, history = await anext(events)
            columns = history["columns"]
            while sum(columns["tokens"]) < 3 * 120:
                _, status = await anext(events)
                for field in columns if status["latest"]["at"] > columns["at"][-1] else ():
                    columns[field].append(status["latest"][field])
        assert name == "history"
        assert (max(columns["running"]), max(columns["admitted"]), max(columns["waiting_interactive"])) == (2, 3, 1)
        assert sum(columns["tokens"]) == 3 * 120
        assert sum(point.get("max_concurrency", 0) for point in columns["rejected"]) == 2
        assert sum(point.get("finished", 0) for point in columns["finished"]) == 3
        assert max(filter(None, columns["first_token_p50"])) > 0.01
        assert max(filter(None, columns["kv_cache_usage"])) > 0


async def test_status_and_the_events_tell_the_same(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, concurrency=4) as server, watching(server.url) as events:
        told = await until(events, phase="ready", viewers=1)
        asked = await server.status()
        volatile = {"at", "uptime", "latest", "viewers"}
        assert told.keys() == asked.keys()
        assert all(told[name] == asked[name] for name in told.keys() - volatile)


async def test_a_head_has_no_stream(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=5) as client:
        answer = await client.head("/status/events")
        assert (answer.status_code, answer.content) == (200, b"")


async def test_many_viewers_leave_nothing_behind(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server:
        async with AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(watching(server.url)) for _ in range(30)]
            for events in viewers:
                await until(events, viewers=30)
        async with watching(server.url) as events:
            await until(events, viewers=1)


async def test_a_model_that_cannot_be_loaded_says_why_to_whoever_watches() -> None:
    engine = {"waits": True, "failure": "The model x cannot be loaded: it is not there."}
    async with serve_fake(engine) as server:
        async with watching(server.url) as events:
            progress = (await until(events, phase="starting"))["progress"]
            assert (progress["stage"], progress["stages"]) == ("pretending", ["pretending"])
            server.send(signal.SIGUSR2)
            assert (await until(events, phase="failed"))["reason"] == engine["failure"]
            assert [event async for event in events] == []
        assert await server.exit_code(within=5) == 1


async def test_whoever_watches_sees_the_drain_and_does_not_hold_it_up() -> None:
    async with serve_fake({"seconds_a_token": 0.01}, concurrency=1) as server, watching(server.url) as events:
        async with streaming(server, 100):
            await until(events, running=1)
            server.send(signal.SIGTERM)
            await until(events, phase="draining", running=1)
        async for _ in events:
            pass  # it ends
        assert await server.exit_code(within=3) == 0
        assert not any("Traceback" in line for line in server.lines)


async def test_a_recovery_is_told_with_its_reason(serve: Serve) -> None:
    engine = FakeEngine(0.01)
    async with serve(engine) as server, watching(server.url) as events:
        await until(events, phase="ready")
        engine.loaded.clear()
        engine.die()
        recovering = await until(events, phase="recovering")
        assert recovering["reason"] == "The engine has died."
        assert recovering["progress"]["stage"] == "pretending"
        engine.loaded.set()
        assert (await until(events, phase="ready", engine_restarts=1))["reason"] is None


async def test_other_servers_end_although_somebody_watches() -> None:
    async with serving("uvicorn") as server, watching(server.url) as events:
        await until(events, phase="ready")
        server.send(signal.SIGTERM)
        assert await server.exit_code(within=10) in {0, -signal.SIGTERM}


async def test_an_engine_that_makes_no_progress_is_told_while_it_is_so(serve: Serve) -> None:
    engine = FakeEngine(0.01)
    async with (
        serve(engine, HANGS_SOON) as server,
        watching(server.url) as events,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=counting(100)))
        await until(events, running=1)
        engine.going.clear()
        await until(events, phase="ready", reason="The engine makes no progress: requests are refused.")
        engine.going.set()
        await until(events, reason=None)
        assert (await asking).status_code == 200
