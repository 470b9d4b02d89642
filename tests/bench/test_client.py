"""One client: against Sluice around the fake engine, and against servers that break."""

import asyncio
import json
import socket
import time
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from sluice.admission.controller import REASONS
from sluice.bench.client import Client
from sluice.bench.connection import Pool
from sluice.bench.record import Attempt, Request
from sluice.bench.target import Target
from tests.bench.peer import END, STREAM, Peer, answering, chunk, events, whole
from tests.conftest import Serve
from tests.fake import EXITS, FakeEngine

TEXT = '{"choices":[{"delta":{"content":"1"},"finish_reason":null}]}'
LAST = '{"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}'
USAGE = '{"choices":[],"usage":{"completion_tokens":7}}'
ERROR = '{"error":{"message":"The engine died."}}'


class Caller:
    """A client with its pool, and the message that asks to count from 1 to 20."""

    def __init__(self, url: str, timeout: float = 20) -> None:
        target = Target(url)
        body = {
            "model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 20."}], "stream": True,
            "stream_options": {"include_usage": True},
        }  # fmt: skip
        self.message = target.post("/v1/chat/completions", body)
        self.pool = Pool(target.host, target.port, target.tls, time.perf_counter)
        self.client = Client(self.pool, timeout, time.perf_counter, Random(1))
        self.request = Request(tenant=0)

    async def ask(self, retries: int = 0) -> list[Attempt]:
        now = time.perf_counter()
        await self.client.request(self.request, self.message, now, retries, until=now + 60)
        return self.request.attempts


async def one(peer: Peer, within: float = 20) -> Attempt:
    caller = Caller(peer.url, within)
    (attempt,) = await caller.ask()
    caller.pool.close()
    return attempt


async def test_a_stream_is_read_to_its_end_token_by_token(serve: Serve) -> None:
    async with serve(FakeEngine(seconds_a_token=0.001)) as server:
        caller = Caller(server.url)
        (attempt,) = await caller.ask()
        caller.pool.close()
    assert (attempt.outcome, attempt.status, attempt.tokens) == ("finished", 200, 40)
    assert len(attempt.token_times) == 40
    assert attempt.due <= attempt.started < attempt.token_times[0] < attempt.token_times[-1] <= attempt.ended
    assert attempt.token_times == sorted(attempt.token_times)


async def test_connections_are_used_again(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server:
        caller = Caller(server.url)
        for _ in range(3):
            await caller.ask()
        await asyncio.gather(*(caller.ask() for _ in range(4)))
        assert caller.pool.opened == 4
        caller.pool.close()
    assert [attempt.outcome for attempt in caller.request.attempts] == ["finished"] * 7


async def test_a_refused_client_waits_as_long_as_it_is_told_and_gets_in(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server:
        first, second = Caller(server.url), Caller(server.url)
        inside = asyncio.create_task(first.ask())
        await server.has(admitted=1)
        knocking = asyncio.create_task(second.ask(retries=2))
        await server.has(rejected=dict.fromkeys(REASONS, 0) | {"max_concurrency": 1})
        fake.going.set()
        refused, let_in = await knocking
        assert [attempt.outcome for attempt in await inside] == ["finished"]
        first.pool.close()
        second.pool.close()
    assert (refused.outcome, refused.status, refused.tokens) == ("refused", 429, 0)
    assert (let_in.outcome, let_in.tokens) == ("finished", 40)
    assert let_in.started - refused.ended >= 1


async def test_without_retries_a_refusal_is_the_end(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, max_concurrency=1) as server:
        first, second = Caller(server.url), Caller(server.url)
        inside = asyncio.create_task(first.ask())
        await server.has(admitted=1)
        async with asyncio.timeout(0.9):  # it is told to wait for a second
            assert [attempt.outcome for attempt in await second.ask()] == ["refused"]
        fake.going.set()
        await inside
        first.pool.close()
        second.pool.close()


async def test_a_cancelled_client_hangs_up_and_stays_unfinished(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake) as server:
        caller = Caller(server.url)
        asking = asyncio.create_task(caller.ask())
        await server.has(running=1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await server.is_empty()
    assert [attempt.outcome for attempt in caller.request.attempts] == ["unfinished"]


async def test_an_engine_that_dies_before_the_first_token_is_a_refusal(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, EXITS) as server:
        caller = Caller(server.url)
        asking = asyncio.create_task(caller.ask())
        await server.has(running=1)
        fake.die()
        (attempt,) = await asking
    assert (attempt.outcome, attempt.status) == ("refused", 503)
    fake.live.clear()


ANSWERS: dict[str, tuple[str, int, Sequence[bytes]]] = {
    "complete": ("finished", 7, [STREAM, events(TEXT, LAST, USAGE, "[DONE]"), END]),
    "its own count": ("finished", 2, [STREAM, events(TEXT, LAST, "[DONE]"), END]),
    "carriage returns": ("finished", 7, [STREAM, events(TEXT, LAST, USAGE, "[DONE]", newline="\r\n"), END]),
    "comments": ("finished", 2, [STREAM, chunk(b": ping\n\n"), events(TEXT, LAST, "[DONE]"), END]),
    "closed after [DONE]": ("finished", 7, [STREAM, events(TEXT, LAST, USAGE, "[DONE]"), b""]),
    "no [DONE]": ("cut_off", 7, [STREAM, events(TEXT, LAST, USAGE), END]),
    "no finish_reason": ("cut_off", 1, [STREAM, events(TEXT, "[DONE]"), END]),
    "closed in a stream": ("cut_off", 1, [STREAM, events(TEXT), b""]),
    "error event": ("broken", 1, [STREAM, events(TEXT, ERROR), END]),
    "error event and [DONE]": ("broken", 1, [STREAM, events(TEXT, ERROR, "[DONE]"), END]),
    "not JSON": ("broken", 1, [STREAM, events(TEXT, "oops"), END]),
    "not a stream": ("cut_off", 0, whole(200, b"{}", "Content-Type: application/json")),
    "500": ("failed", 0, whole(500, b"")),
    "503": ("refused", 0, whole(503, b"")),
    "not HTTP": ("cut_off", 0, [b"220 smtp.example\r\n"]),
    "nothing": ("cut_off", 0, [b""]),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_outcomes_are_told_apart(name: str) -> None:
    outcome, tokens, pieces = ANSWERS[name]
    async with answering(lambda path, body: pieces) as peer:
        attempt = await one(peer)
    assert (attempt.outcome, attempt.tokens) == (outcome, tokens)


async def test_events_may_be_cut_anywhere() -> None:
    data = json.dumps({"choices": [{"delta": {"content": "é\n\ndata: [DONE]"}, "finish_reason": "stop"}]})
    stream = f"data: {data}\n\ndata: [DONE]\n\n".encode()
    pieces = [STREAM, *(chunk(stream[i : i + 1]) for i in range(len(stream))), END]
    async with answering(lambda path, body: pieces) as peer:
        attempt = await one(peer)
    assert (attempt.outcome, attempt.tokens) == ("finished", 1)


async def test_silence_times_out() -> None:
    async with answering(lambda path, body: None) as peer:
        attempt = await one(peer, within=0.1)
    assert attempt.outcome == "timed_out"
    assert attempt.ended - attempt.started >= 0.1


async def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert (await one(Peer(port))).outcome == "unreachable"


@pytest.mark.parametrize(
    ("fields", "pauses"),
    [
        (["Retry-After-Ms: 20", "Retry-After: 9"], [(0.02, 0.4), (0.02, 0.4)]),
        (["Retry-After: 0.05"], [(0.05, 0.4), (0.05, 0.4)]),
        (["Retry-After: soon"], [(0.375, 0.9), (0.75, 1.5)]),
        (["Retry-After: 121"], []),
    ],
)
async def test_retries_are_those_of_the_openai_package(fields: list[str], pauses: list[tuple[float, float]]) -> None:
    async with answering(lambda path, body: whole(503, b"", *fields)) as peer:
        caller = Caller(peer.url)
        attempts = await caller.ask(retries=2)
        assert peer.connections == 1
        caller.pool.close()
    waited = [after.started - before.ended for before, after in pairwise(attempts)]
    assert len(waited) == len(pauses)
    assert all(low <= pause < high for pause, (low, high) in zip(waited, pauses, strict=True)), waited


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    async with answering(lambda path, body: whole(429, b"", "Connection: close")) as peer:
        caller = Caller(peer.url)
        for _ in range(2):
            await caller.ask()
        assert peer.connections == 2
    assert [attempt.status for attempt in caller.request.attempts] == [429, 429]
