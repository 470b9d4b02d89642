"""What a request is booked as: operators raise an alarm on `failed`, which only our faults and the engine's are."""

import asyncio
import json
import re
from collections import Counter
from typing import Any

import httpx
import pytest

from sluice.engine.base import AS_IT_IS, Constraint, Prompt, Rendered, Tokenizing
from sluice.errors import EngineFailed
from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

SETTINGS = {"traffic": {"concurrency": 2, "max_concurrency": 3}, "http": {"max_body_bytes": 500, "body_timeout": 0.1}}
ASK = counting(3, stream=False)
REJECTED: list[tuple[int, dict[str, Any]]] = [
    (400, ASK | {"temperature": 3}),
    (400, ASK | {"n": 4}),  # never, whoever else is inside
    (400, ASK | {"max_tokens": 5000}),
    (404, ASK | {"model": "other"}),
    (413, ASK | {"user": "x" * 500}),
]


@pytest.mark.parametrize(("status", "body"), REJECTED)
async def test_what_its_client_can_mend_is_rejected(
    serve: Serve, fake: FakeEngine, status: int, body: dict[str, Any]
) -> None:
    async with serve(fake, SETTINGS) as server, httpx.AsyncClient(base_url=server.url) as client:
        for streamed in (body, body | {"stream": True}):
            assert (await client.post("/v1/chat/completions", json=streamed)).status_code == status
        await server.is_empty()
        assert Counter((await server.status())["finished"]) == Counter(rejected=2)
        assert 'sluice_finished_total{outcome="rejected"} 2.0' in (await client.get("/metrics")).text


async def test_a_body_that_does_not_come_is_rejected(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, SETTINGS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
        writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await server.is_empty()
        assert Counter((await server.status())["finished"]) == Counter(rejected=1)


async def test_seats_that_are_not_there_for_its_other_sequences_are_no_failure(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, SETTINGS) as server, httpx.AsyncClient(base_url=server.url) as client:
        inside = asyncio.create_task(client.post("/v1/chat/completions", json=ASK))
        await server.has(running=1)
        assert (await client.post("/v1/chat/completions", json=ASK | {"n": 3})).status_code == 429
        fake.going.set()
        await inside
        await server.is_empty()
        assert Counter((await server.status())["finished"]) == Counter(finished=1, rejected=1)


async def test_what_had_no_answer_took_no_time(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, SETTINGS) as server, httpx.AsyncClient(base_url=server.url) as client:
        for _, body in REJECTED:
            await client.post("/v1/chat/completions", json=body)
        fake.going.clear()
        running = [asyncio.create_task(client.post("/v1/chat/completions", json=ASK)) for _ in range(2)]
        await server.has(running=2)
        waiting = asyncio.create_task(client.post("/v1/chat/completions", json=ASK))
        await server.has(waiting=1)
        for asking in (waiting, *running):
            asking.cancel()
        await server.is_empty()
        fake.going.set()
        assert (await client.post("/v1/chat/completions", json=ASK)).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert dict(re.findall(r"^sluice_(\w+)_seconds_count (\S+)$", metrics, re.MULTILINE)) == {
        "request_queue_time": "3.0", "time_to_first_token": "1.0", "inter_token_latency": "5.0",
        "e2e_request_latency": "1.0",
    }  # fmt: skip


class Broken(FakeEngine):
    """Fails at the prompt that it is told to fail at: by itself, or by a mistake of ours."""

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        if "engine" in str(prompt):
            raise EngineFailed("It broke.", code="engine_error")
        raise RuntimeError("a mistake of ours")


@pytest.mark.parametrize("whose", ["engine", "ours"])
@pytest.mark.parametrize("stream", [True, False])
async def test_our_faults_and_the_engines_are_failures(
    serve: Serve, whose: str, stream: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(Broken(), SETTINGS) as server, httpx.AsyncClient(base_url=server.url) as client:
        body = ASK | {"messages": [{"role": "user", "content": whose}], "stream": stream}
        answer = await client.post("/v1/chat/completions", json=body)
        assert (answer.status_code, json.loads(answer.text)["error"]["type"]) == (500, "server_error")
        await server.is_empty()
        assert Counter((await server.status())["finished"]) == Counter(failed=1)
    assert ("a mistake of ours" in capsys.readouterr().err) == (whose == "ours"), "a mistake leaves a traceback"
