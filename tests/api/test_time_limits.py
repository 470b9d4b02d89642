"""Until when, from the outside: each limit has its own error and its own counter, and gives everything back."""

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from sluice.app import create_app
from sluice.settings import Settings
from sluice.transport.event_stream import MOMENT

from tests.api.raw import RawClient
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import ENDLESS, counting, serve_fake, streaming
from tests.virtual import VirtualLoop

FULL = {"queue_timeout": 0, "first_token_timeout": 0, "stall_timeout": 0, "send_timeout": 0, "timeout": 0}


async def ask(server: Running, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        return await client.post("/v1/chat/completions", json=body, headers=headers)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    content = answer.json()["error"]
    return answer.status_code, content["type"], content["code"]


async def test_who_waits_too_long_gets_503_and_is_never_started(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1, queue_timeout=0.1) as server:
        first = asyncio.create_task(ask(server, counting(3)))
        await server.has(running=1)
        late = await ask(server, counting(3))
        assert error(late) == (503, "overloaded_error", "queue_timeout")
        assert int(late.headers["retry-after"]) >= 1
        assert fake.peak_live == 1
        fake.going.set()
        assert (await first).text.endswith("data: [DONE]\n\n")
        assert (await server.status())["expired"] == FULL | {"queue_timeout": 1}


@pytest.mark.parametrize("header", ["x-stainless-read-timeout", "x-request-timeout"])
async def test_what_its_client_has_given_up_on_is_not_started(serve: Serve, fake: FakeEngine, header: str) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1) as server:
        first = asyncio.create_task(ask(server, counting(3)))
        await server.has(running=1)
        assert error(await ask(server, counting(3), {header: "0.1"}))[2] == "queue_timeout"
        patient = asyncio.create_task(ask(server, counting(3), {header: "not a number"}))
        await server.has(waiting=1)
        fake.going.set()
        assert {(await first).status_code, (await patient).status_code} == {200}
        assert fake.peak_live == 1


async def test_a_wait_that_would_be_too_long_is_refused_at_once(serve: Serve, fake: FakeEngine) -> None:
    """One sequence takes about 0.2 s: whoever has 0.1 s need not queue behind two, and whoever has 60 s may."""
    fake.seconds_a_token = 0.02
    async with serve(fake, concurrency=1) as server:
        await ask(server, counting(5))
        fake.going.clear()
        inside = [asyncio.create_task(ask(server, counting(5))) for _ in range(2)]
        await server.has(running=1, waiting=1)
        refused = await ask(server, counting(5), {"x-request-timeout": "0.1"})
        assert error(refused) == (503, "overloaded_error", "queue_timeout")
        assert (await server.status())["rejected"]["queue_timeout"] == 1
        inside.append(asyncio.create_task(ask(server, counting(5), {"x-request-timeout": "60"})))
        await server.has(waiting=2)
        fake.going.set()
        assert [answer.status_code for answer in await asyncio.gather(*inside)] == [200] * 3
        assert (await server.status())["expired"] == FULL


@pytest.mark.parametrize("stream", [True, False])
async def test_a_first_token_that_does_not_come(serve: Serve, fake: FakeEngine, stream: bool) -> None:
    fake.going.clear()
    async with serve(fake, first_token_timeout=0.1, stall_timeout=30) as server:
        answer = await ask(server, counting(3, stream))
        assert error(answer) == (503, "overloaded_error", "first_token_timeout")
        assert (await server.status())["expired"] == FULL | {"first_token_timeout": 1}


async def test_a_first_token_that_does_not_come_once_the_stream_has_begun(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, first_token_timeout=MOMENT + 0.1) as server:
        first, last = (await ask(server, counting(3))).text.strip().split("\n\n")
        assert '"role":"assistant"' in first
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "first_token_timeout"
        assert (await server.status())["expired"] == FULL | {"first_token_timeout": 1}


async def test_an_engine_that_stalls_in_mid_stream(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, stall_timeout=0.2) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            fake.seconds_a_token = 0.01
            async with client.stream("POST", "/v1/chat/completions", json=counting(500)) as answer:
                lines = answer.aiter_lines()
                while '" "' not in await anext(lines):
                    pass
                fake.going.clear()
                rest = [line async for line in lines if line]
        assert json.loads(rest[-1].removeprefix("data: "))["error"]["code"] == "stall_timeout"
        assert (await server.status())["expired"] == FULL | {"stall_timeout": 1}
        fake.going.set()


async def test_a_whole_life_that_is_over(serve: Serve, fake: FakeEngine) -> None:
    fake.seconds_a_token = 0.01
    async with serve(fake, timeout=0.3) as server:
        answer = await ask(server, counting(500))
        assert json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]["code"] == "timeout"
        status = await server.status()
        assert (status["expired"], status["finished"]["expired"]) == (FULL | {"timeout": 1}, 1)


async def test_readers_that_do_not_read_are_cut_off_and_nobody_else_notices() -> None:
    """Real sockets: five clients ask and never read. Their seats come back, their connections close, others go on."""
    engine = {"seconds_a_token": 0.0005}
    async with serve_fake(engine, concurrency=8, send_timeout=0.5) as server:
        await server.readiness("ready")
        deaf = []
        body = json.dumps(counting(ENDLESS)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for _ in range(5):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
            client.sendall(head + body)
            deaf.append(client)
        await server.has(running=5)
        async with streaming(server, 200) as events:
            assert [event async for event in events][-1] == "[DONE]"
        await server.has(admitted=0, running=0, within=10)
        status = await server.status()
        assert status["expired"] == FULL | {"send_timeout": 5}
        assert (status["finished"]["expired"], status["finished"]["finished"]) == (5, 1)
        await server.has_no_connection(within=10)
        for client in deaf:
            client.close()


def test_an_answer_that_is_whole_and_not_read() -> None:
    """The engine has done its part: it is the client's time that runs."""
    loop = VirtualLoop()
    app = create_app(Settings.model_validate({"traffic": {"send_timeout": 5}}), FakeEngine(), clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    client = RawClient(counting(3, stream=False), {}, halves=False)
    client.stop_reading()
    client.ask(app.state.intake, loop)
    loop.advance(4.9)
    assert not client.left.is_set()
    loop.advance(0.2)
    assert app.state.controller.expired == FULL | {"send_timeout": 1}
    assert (client.verdict(), client.status) == ("refused", 503)
    loop.close()


def test_a_refusal_after_the_time_is_over() -> None:
    """The body alone has taken all of it. Nothing is left to interrupt once the refusal is written."""
    loop = VirtualLoop()
    traffic = {"timeout": 5, "concurrency": 1, "max_concurrency": 1}
    app = create_app(Settings.model_validate({"traffic": traffic}), FakeEngine(), clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    client = RawClient(counting(3, stream=False) | {"n": 2}, {}, halves=True)
    client.ask(app.state.intake, loop)
    loop.advance(6)
    client.finish_body()
    loop.settle()
    assert (client.verdict(), client.status) == ("refused", 400)
    loop.close()


def test_a_reader_that_is_slow_in_the_end_holds_its_seat_but_no_place_in_the_batch() -> None:
    """An answer of six tokens, one a second, whose client does not read the last one."""
    loop = VirtualLoop()
    traffic = {"concurrency": 1, "send_timeout": 100}
    engine = FakeEngine(seconds_a_token=1)
    app = create_app(Settings.model_validate({"traffic": traffic}), engine, clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    slow, other = (RawClient(counting(3) | {"n": 1, "max_tokens": 9}, {}, halves=False) for _ in range(2))
    slow.ask(app.state.intake, loop)
    other.ask(app.state.intake, loop)
    loop.advance(5.5)
    slow.stop_reading()
    loop.advance(7)
    assert other.verdict() == "whole"
    assert not slow.left.is_set()
    slow.read_on()
    loop.settle()
    assert slow.verdict() == "whole"
    loop.close()


def test_each_token_begins_the_time_for_the_next_anew() -> None:
    """A token a second, and 1.5 s for each: it goes on for as long as they come, and ends 1.5 s after the last."""
    loop, engine = VirtualLoop(), FakeEngine(seconds_a_token=1)
    traffic = {"stall_timeout": 1.5}
    app = create_app(Settings.model_validate({"traffic": traffic}), engine, clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    whole, stalled = (RawClient(counting(50) | {"n": 1, "max_tokens": most}, {}, halves=False) for most in (20, 99))
    for client in (whole, stalled):
        client.ask(app.state.intake, loop)
    loop.advance(30.1)
    assert whole.verdict() == "whole"
    engine.going.clear()
    loop.advance(1.3)
    assert not stalled.left.is_set()
    loop.advance(0.3)
    assert stalled.verdict() == "broken off"
    assert app.state.controller.expired == FULL | {"stall_timeout": 1}
    loop.close()


async def test_how_long_requests_take_is_told_stage_by_stage(serve: Serve) -> None:
    """One that runs at once, and one that waits for it: six tokens each, 20 ms apart."""
    async with serve(FakeEngine(seconds_a_token=0.02), concurrency=1) as server:
        await asyncio.gather(ask(server, counting(3)), ask(server, counting(3, stream=False)))
        async with httpx.AsyncClient(base_url=server.url) as client:
            lines = (await client.get("/metrics")).text.splitlines()
    told = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    counted = {"request_queue_time": 2, "time_to_first_token": 2, "inter_token_latency": 10, "e2e_request_latency": 2}
    assert {name: told[f"sluice_{name}_seconds_count"] for name in counted} == counted
    sums = {name: told[f"sluice_{name}_seconds_sum"] for name in counted}
    assert sums["inter_token_latency"] > 10 * 0.018
    assert sums["request_queue_time"] > 5 * 0.018  # of the second
    assert sums["time_to_first_token"] > sums["request_queue_time"]
    assert sums["e2e_request_latency"] > sums["time_to_first_token"] + sums["inter_token_latency"] - 0.01
