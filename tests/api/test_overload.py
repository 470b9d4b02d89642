"""More comes than there is room for: what is refused, why, and what that costs."""

import asyncio
import logging
from itertools import islice
from typing import Any

import httpx
import pytest

from sluice.admission import controller
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

REASONS = dict.fromkeys(controller.REASONS, 0)


async def ask(server: Running, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        return await client.post("/v1/chat/completions", json=body)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    content = answer.json()["error"]
    return answer.status_code, content["type"], content["code"]


def saying(letters: int) -> dict[str, Any]:
    """A prompt of that many tokens: the fake engine's are letters."""
    return {"model": "demo", "messages": [{"role": "user", "content": "x" * letters}]}


async def test_a_burst_of_300_at_a_cap_of_166(serve: Serve, fake: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """134 refusals, all of them before anything is rendered, none of them with a word in the log."""
    fake.going.clear()
    caplog.set_level(logging.INFO)
    async with serve(fake, concurrency=16, max_concurrency=166) as server:
        caplog.clear()  # of what was said at the start
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
            asking = [
                asyncio.create_task(client.post("/v1/chat/completions", json=counting(3, stream=False)))
                for _ in range(300)
            ]
            refused = [await answer for answer in islice(asyncio.as_completed(asking, timeout=30), 134)]
            await server.has(running=16, waiting=150)
            assert [error(answer) for answer in refused] == [(429, "overloaded_error", "max_concurrency")] * 134
            assert fake.renders == 166
            fake.going.set()
            answers = await asyncio.gather(*asking)
        assert sum(answer.status_code == 200 for answer in answers) == 166
        status = await server.status()
        assert (status["peak_admitted"], status["peak_running"]) == (166, 16)
        assert status["rejected"] == REASONS | {"max_concurrency": 134}
        assert [record for record in caplog.records if record.name != "httpx"] == []


async def test_retry_after_says_the_same_twice(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server:
        inside = asyncio.create_task(ask(server, counting(3)))
        await server.has(running=1)
        headers = (await ask(server, counting(3))).headers
        milliseconds = float(headers["retry-after-ms"])
        assert 1000 <= milliseconds <= 1000 * int(headers["retry-after"]) < milliseconds + 1000
        fake.going.set()
        await inside


async def test_long_prompts_fill_their_budget_and_short_ones_still_get_in(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=50, max_waiting_tokens=1000) as server:
        inside = [asyncio.create_task(ask(server, saying(450))) for _ in range(2)]
        await server.has(admitted=2, waiting_tokens=900)
        refused = await ask(server, saying(450))
        assert error(refused) == (429, "overloaded_error", "max_waiting_tokens")
        assert int(refused.headers["retry-after"]) >= 1
        inside += [asyncio.create_task(ask(server, saying(20))) for _ in range(5)]
        await server.has(admitted=7, waiting_tokens=1000)
        fake.going.set()
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}
        await server.has(waiting_tokens=0)


async def test_a_prompt_longer_than_the_budget_gets_in_alone(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, max_waiting_tokens=100) as server:
        assert (await ask(server, saying(3000))).status_code == 200
        assert (await server.status())["waiting_tokens"] == 0


async def test_a_prompt_leaves_the_budget_with_its_first_token(serve: Serve, fake: FakeEngine) -> None:
    fake.seconds_a_token = 0.01
    async with (
        serve(fake, max_waiting_tokens=100) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        body = counting(100)
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.aiter_lines()
            while '"content":"1"' not in await anext(lines):
                pass
            status = await server.status()
            assert (status["running"], status["waiting_tokens"]) == (1, 0)


async def test_see_before_you_bite(serve: Serve, fake: FakeEngine) -> None:
    """`enforce: false`: all get in, and what would have been refused is counted."""
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=2, max_waiting_tokens=50, enforce=False) as server:
        inside = [asyncio.create_task(ask(server, saying(20))) for _ in range(5)]
        await server.has(admitted=5, running=1, waiting=4)
        status = await server.status()
        assert status["rejected"] == REASONS
        assert status["would_reject"] == REASONS | {"max_concurrency": 3, "max_waiting_tokens": 3}
        fake.going.set()
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}


async def test_a_refusal_while_all_seats_are_taken_and_none_runs(serve: Serve, fake: FakeEngine) -> None:
    """Nothing is known then of when a seat comes free."""
    fake.seconds_a_token = 0.001
    async with serve(fake, max_concurrency=1) as server:
        assert (await ask(server, counting(3))).status_code == 200
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        await server.has(admitted=1, running=0)
        assert error(await ask(server, counting(3))) == (429, "overloaded_error", "max_concurrency")
        writer.close()
        await writer.wait_closed()
