"""An engine that dies or hangs is replaced, and the streams go on to the letter."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from sluice.engine.base import Loading, ModelInfo
from sluice.errors import EngineFailed
from sluice.settings.section import Mistake
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.process import started
from tests.test_lifecycle import assert_refused, counting

PATH = "/v1/chat/completions"
LAST = 60


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine(seconds_a_token=0.01)


@asynccontextmanager
async def under_way(
    serve: Serve, fake: FakeEngine, streams: int = 6, traffic: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Running, httpx.AsyncClient, list[asyncio.Task[httpx.Response]]]]:
    """A server with so many answers under way, four at a time; half of them are streamed."""
    async with (
        serve(fake, {"engine": settings}, concurrency=4, **traffic or {}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        bodies = [counting(LAST, stream=bool(number % 2)) for number in range(streams)]
        asked = [asyncio.create_task(client.post(PATH, json=body)) for body in bodies]
        await server.has(running=min(4, streams), waiting=max(0, streams - 4))
        await under_way_in(fake)
        yield server, client, asked


async def under_way_in(fake: FakeEngine) -> None:
    while not all(sequence.made > 3 for sequence in fake.live):  # noqa: ASYNC110 (it tells nobody)
        await asyncio.sleep(0.01)


def said(answer: httpx.Response) -> str:
    """What was counted, streamed or not. Raises AssertionError if it has not ended as it should."""
    assert answer.status_code == 200
    if not answer.text.startswith("data: "):
        text: str = answer.json()["choices"][0]["message"]["content"]
        return text
    *events, done = [event.removeprefix("data: ") for event in answer.text.strip().split("\n\n") if event != ": ping"]
    assert done == "[DONE]"
    chunks = [httpx.Response(200, text=event).json() for event in events]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


COUNTED = " ".join(map(str, range(1, LAST + 1)))


@pytest.mark.parametrize("transport", ["accelerated", "asgi"])
@pytest.mark.parametrize("harm", ["dies", "hangs"])
async def test_streams_go_on_to_the_letter(serve: Serve, fake: FakeEngine, harm: str) -> None:
    async with under_way(serve, fake, stall_timeout=0.3) as (server, client, asked):
        fake.loaded.clear()
        if harm == "dies":
            fake.die()
        else:
            fake.going.clear()
        await server.has(phase="recovering", running=4, waiting=2, admitted=6)
        assert (await client.get("/readyz")).json()["phase"] == "recovering"
        assert_refused(await client.post(PATH, json=counting(3)), "recovering")
        assert fake.live == {}
        fake.loaded.set()
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6
        status = await server.status()
        assert (status["phase"], status["engine_restarts"], status["paused"]) == ("ready", 1, 0)
        assert "sluice_engine_restarts_total 1.0" in (await client.get("/metrics")).text
        assert Counter(status["finished"]) == Counter(finished=6)


async def test_the_time_of_what_has_begun_stands_still_meanwhile(serve: Serve, fake: FakeEngine) -> None:
    limits = {"stall_timeout": 1, "first_token_timeout": 1, "queue_timeout": 20}
    async with under_way(serve, fake, traffic=limits) as (server, _, asked):
        fake.loaded.clear()
        fake.die()
        await server.has(phase="recovering")
        await asyncio.sleep(1.5)  # what is tested is that time passes
        fake.loaded.set()
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6


async def test_a_server_that_stands_still_blames_nobody(serve: Serve, fake: FakeEngine) -> None:
    async with under_way(serve, fake, traffic={"stall_timeout": 1}, stall_timeout=1) as (server, _, asked):
        time.sleep(2.5)  # noqa: ASYNC251 (that is what is tested)
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6
        assert (await server.status())["engine_restarts"] == 0


async def test_it_may_die_again_and_again(serve: Serve, fake: FakeEngine) -> None:
    async with under_way(serve, fake, restarts=9) as (server, _, asked):
        for deaths in range(1, 4):
            fake.die()
            await server.has(phase="ready", engine_restarts=deaths, running=4)
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6


LOST = {"bad_words": ["x"]}
"""What the fake engine cannot make again."""


async def test_what_cannot_go_on_is_told_so(serve: Serve, fake: FakeEngine) -> None:
    async with (
        serve(fake, concurrency=4) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        lost = [asyncio.create_task(client.post(PATH, json=counting(LAST, stream) | LOST)) for stream in (True, False)]
        await server.has(running=2)
        await under_way_in(fake)
        fake.loaded.clear()
        fake.die()
        streamed, whole = await asyncio.gather(*lost)
        *_, last = streamed.text.strip().split("\n\n")
        assert httpx.Response(200, text=last.removeprefix("data: ")).json()["error"]["message"] == "The engine died."
        assert_refused(whole, "failed")
        await server.has(phase="recovering", admitted=0)
        fake.loaded.set()
        await server.has(phase="ready")
        assert said(await client.post(PATH, json=counting(LAST) | LOST)) == COUNTED


class Failing(FakeEngine):
    """Cannot be started again the first `failures` times."""

    def __init__(self, failures: int, error: Exception) -> None:
        super().__init__(seconds_a_token=0.01)
        self.failures, self.error = failures, error

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        if self.dead and self.failures:
            self.failures -= 1
            raise self.error
        return await super().start(report)


@pytest.mark.parametrize("error", [EngineFailed("It died."), Mistake("there is no room", "engine", "max_model_len")])
async def test_a_start_that_fails_is_tried_again(serve: Serve, error: Exception) -> None:
    """Also for what would be a mistake in the settings, had they not served before: memory comes free in time."""
    fake = Failing(1, error)
    async with under_way(serve, fake) as (server, _, asked):
        fake.die()
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6
        assert (await server.status())["engine_restarts"] == 2


async def test_too_many_starts_are_the_end(serve: Serve) -> None:
    fake = Failing(9, EngineFailed("It died."))
    async with under_way(serve, fake, streams=2, restarts=1) as (server, _, asked):
        fake.die()
        await asyncio.wait_for(server.lifecycle.failed.wait(), 10)
        whole, streamed = await asyncio.gather(*asked)
        assert_refused(whole, "failed")
        assert streamed.text.strip().rpartition("\n\n")[2].startswith('data: {"error"')
        assert server.lifecycle.exit_code == 1


async def test_a_body_that_comes_meanwhile_has_its_seat_and_waits(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, concurrency=4) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(server.url).port)
        body = json.dumps(counting(LAST, stream=False)).encode()
        head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        await server.has(admitted=1)
        fake.loaded.clear()
        fake.die()
        await server.has(phase="recovering")
        writer.write(body)
        await server.has(waiting=1)
        fake.loaded.set()
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
    assert answer.startswith("HTTP/1.1 200 ")
    assert COUNTED in answer


async def test_who_gives_up_meanwhile_leaves_nothing(serve: Serve, fake: FakeEngine) -> None:
    async with under_way(serve, fake) as (server, _, asked):
        fake.loaded.clear()
        fake.die()
        await server.has(phase="recovering")
        for task in asked:
            task.cancel()
        await server.is_empty()
        fake.loaded.set()
        await server.has(phase="ready")
        assert fake.live == {}


async def test_a_drain_begun_meanwhile_lets_streams_end(serve: Serve, fake: FakeEngine) -> None:
    async with under_way(serve, fake) as (server, _, asked):
        fake.loaded.clear()
        fake.die()
        await server.has(phase="recovering")
        draining = asyncio.create_task(server.lifecycle.drain())
        await server.has(phase="draining")
        fake.loaded.set()
        assert [said(answer) for answer in await asyncio.gather(*asked)] == [COUNTED] * 6
        await draining


@pytest.mark.parametrize("comes_back", [True, False])
async def test_sigterm_meanwhile_cuts_nothing_silently(comes_back: bool) -> None:
    settings = json.dumps({"http.port": 0})
    async with (
        started("tests.serve_fake", settings, json.dumps({"waits": True, "seconds_a_token": 0.01})) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30) as client,
    ):
        await server.line("Loading", within=10)
        server.send(signal.SIGUSR2)
        await server.readiness("ready")
        streaming = asyncio.create_task(client.post(PATH, json=counting(LAST, stream=True)))
        await server.has(running=1)
        server.send(signal.SIGUSR1)
        await server.has(phase="recovering")
        server.send(signal.SIGTERM)
        await server.has(phase="draining")
        server.send(signal.SIGUSR2 if comes_back else signal.SIGTERM)
        answer = await streaming
        if comes_back:
            assert said(answer) == COUNTED
        else:
            assert answer.text.strip().rpartition("\n\n")[2].startswith('data: {"error"')
        assert await server.exit_code(within=10) == 0
