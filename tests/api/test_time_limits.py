"""Until when, from the outside: each limit has its own error and its own counter, and gives everything back."""

import json
import socket
from typing import Any

import httpx
import pytest

from sluice.transport.event_stream import MOMENT
from tests.api.in_time import Start
from tests.fake import FakeEngine
from tests.test_lifecycle import ENDLESS, counting, serve_fake, streaming

FULL = {"queue_timeout": 0, "first_token_timeout": 0, "stall_timeout": 0, "send_timeout": 0, "timeout": 0}


def test_who_waits_too_long_gets_503_and_is_never_started(in_time: Start) -> None:
    with in_time(concurrency=1, queue_timeout=5) as server:
        server.engine.going.clear()
        first, late = server.ask(counting(3)), server.ask(counting(3))
        server.advance(4.9)
        assert not late.left.is_set()
        server.advance(0.2)
        assert late.error() == (503, "overloaded_error", "queue_timeout")
        assert int(late.header("retry-after")) >= 1
        server.engine.going.set()
        server.loop.settle()
        assert first.verdict() == "whole"
        assert server.engine.peak_live == 1
        assert server.controller.expired == FULL | {"queue_timeout": 1}


@pytest.mark.parametrize("header", ["x-stainless-read-timeout", "x-request-timeout"])
def test_what_its_client_has_given_up_on_is_not_started(in_time: Start, header: str) -> None:
    with in_time(concurrency=1) as server:
        server.engine.going.clear()
        first, hasty = server.ask(counting(3)), server.ask(counting(3), {header: "2.5"})
        patient = server.ask(counting(3), {header: "not a number"})
        server.advance(2.4)
        assert server.inside() == (3, 1, 2)
        server.advance(0.2)
        assert hasty.error() == (503, "overloaded_error", "queue_timeout")
        assert server.inside() == (2, 1, 1)
        server.engine.going.set()
        server.loop.settle()
        assert (first.verdict(), patient.verdict()) == ("whole", "whole")
        assert server.engine.peak_live == 1


def test_a_wait_that_would_be_too_long_is_refused_at_once(in_time: Start) -> None:
    """One sequence takes 10 s: whoever has 5 s need not queue behind two, and whoever has 60 s may."""
    with in_time(FakeEngine(seconds_a_token=1), concurrency=1) as server:
        server.ask(counting(5))
        server.advance(10)
        inside = [server.ask(counting(5)) for _ in range(2)]
        refused = server.ask(counting(5), {"x-request-timeout": "5"})
        assert refused.error() == (503, "overloaded_error", "queue_timeout")
        assert server.controller.rejected["queue_timeout"] == 1
        inside.append(server.ask(counting(5), {"x-request-timeout": "60"}))
        assert server.inside() == (3, 1, 2)
        server.advance(30)
        assert {client.verdict() for client in inside} == {"whole"}
        assert server.controller.expired == FULL


@pytest.mark.parametrize("stream", [True, False])
def test_a_first_token_that_does_not_come(in_time: Start, stream: bool) -> None:
    with in_time(first_token_timeout=MOMENT / 2, stall_timeout=30) as server:
        server.engine.going.clear()
        client = server.ask(counting(3, stream))
        server.advance(MOMENT / 2 + 0.01)
        assert client.error() == (503, "overloaded_error", "first_token_timeout")
        assert server.controller.expired == FULL | {"first_token_timeout": 1}


def test_a_first_token_that_does_not_come_once_the_stream_has_begun(in_time: Start) -> None:
    with in_time(first_token_timeout=10) as server:
        server.engine.going.clear()
        client = server.ask(counting(3))
        server.advance(9.9)
        assert (client.status, client.left.is_set()) == (200, False)
        assert '"role":"assistant"' in client.received.decode().partition("\n\n")[0]
        server.advance(0.2)
        assert client.error() == (200, "overloaded_error", "first_token_timeout")
        assert client.verdict() == "broken off"
        assert server.controller.expired == FULL | {"first_token_timeout": 1}


def test_each_token_begins_the_time_for_the_next_anew(in_time: Start) -> None:
    """A token a second, and 1.5 s for each: it goes on for as long as they come, and ends 1.5 s after the last."""
    with in_time(FakeEngine(seconds_a_token=1), stall_timeout=1.5) as server:
        whole, stalled = (server.ask(counting(50) | {"max_tokens": most}) for most in (20, 99))
        server.advance(30.1)
        assert whole.verdict() == "whole"
        server.engine.going.clear()
        server.advance(1.3)
        assert not stalled.left.is_set()
        server.advance(0.3)
        assert stalled.verdict() == "broken off"
        assert stalled.error() == (200, "overloaded_error", "stall_timeout")
        assert server.controller.expired == FULL | {"stall_timeout": 1}


@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_life_that_is_over(in_time: Start, stream: bool) -> None:
    """One runs, and one waits."""
    with in_time(FakeEngine(seconds_a_token=1), concurrency=1, queue_timeout=None, timeout=30) as server:
        running, waiting = (server.ask(counting(100, stream)) for _ in range(2))
        server.advance(29.9)
        assert server.inside() == (2, 1, 1)
        server.advance(0.2)
        assert running.error() == (200 if stream else 503, "overloaded_error", "timeout")
        assert waiting.error() == (503, "overloaded_error", "timeout")
        assert int(waiting.header("retry-after")) >= 1
        assert server.controller.expired == FULL | {"timeout": 2}
        assert server.controller.finished["expired"] == 2


def test_a_body_that_does_not_come(in_time: Start) -> None:
    with in_time(settings={"http": {"body_timeout": 5}}) as server:
        late, client = server.ask(counting(3), halves=True), server.ask(counting(3), halves=True)
        server.advance(4.9)
        assert server.inside() == (2, 0, 0)
        client.finish_body()
        server.loop.settle()
        assert client.verdict() == "whole"
        server.advance(0.2)
        assert late.error()[:2] == (408, "invalid_request_error")
        assert server.inside() == (0, 0, 0)


def test_while_the_server_is_full_a_seat_is_not_for_who_sends_a_byte_a_second(in_time: Start) -> None:
    """Nor for who says nothing more; one whose body comes at a fair pace keeps it."""
    with in_time(max_concurrency=3) as server:
        fair, slow, silent = (server.ask(counting(3) | {"user": "x" * 40_000}, halves=True) for _ in range(3))
        for second in range(1, 8):
            fair.send_some(6_000)
            if second < 6:
                slow.send_some(1)
            server.advance(1)
            refused = second > 5
            assert (slow.left.is_set(), silent.left.is_set(), fair.left.is_set()) == (refused, refused, second == 7)
            assert server.inside()[0] == (3 if not refused else second < 7)
        for client in (slow, silent):
            assert client.error()[:2] == (408, "invalid_request_error")
            assert "full" in client.content()["error"]["message"]
        assert fair.verdict() == "whole"


def test_while_there_are_seats_a_body_may_be_slow(in_time: Start) -> None:
    with in_time(max_concurrency=2) as server:
        server.engine.going.clear()
        slow = server.ask(counting(3), halves=True)
        server.advance(20)
        other = server.ask(counting(3))
        server.advance(0.9)
        assert server.inside()[0] == 2
        server.advance(0.2)
        assert slow.error()[0] == 408
        server.engine.going.set()
        server.loop.settle()
        assert other.verdict() == "whole"


@pytest.mark.parametrize("traffic", [{"max_concurrency": None}, {"max_concurrency": 1, "enforce": False}])
def test_a_body_may_be_slow_where_nobody_is_refused(in_time: Start, traffic: dict[str, Any]) -> None:
    with in_time(**traffic) as server:
        slow = server.ask(counting(3), halves=True)
        server.advance(29.9)
        assert not slow.left.is_set()
        server.advance(0.2)
        assert "body_timeout" in slow.content()["error"]["message"]


async def test_readers_that_do_not_read_are_cut_off_and_nobody_else_notices() -> None:
    """Real sockets: five clients ask and never read. Their seats come back, their connections close, others go on."""
    async with serve_fake({"seconds_a_token": 0.0005}, concurrency=8, send_timeout=1) as server:
        await server.readiness("ready", within=60)
        deaf = []
        body = json.dumps(counting(ENDLESS)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for _ in range(5):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
            client.sendall(head + body)
            deaf.append(client)
        async with streaming(server, 200) as events:
            assert [event async for event in events][-1] == "[DONE]"
        await server.has(expired=FULL | {"send_timeout": 5}, admitted=0, running=0)
        status = await server.status()
        assert (status["finished"]["expired"], status["finished"]["finished"]) == (5, 1)
        await server.has_no_connection(within=60)
        for client in deaf:
            client.close()


@pytest.mark.parametrize("transport", ["accelerated"])
def test_an_answer_that_is_whole_and_not_read(in_time: Start) -> None:
    """The engine has done its part: it is the client's time that runs."""
    with in_time(send_timeout=5) as server:
        server.engine.going.clear()
        client = server.ask(counting(3, stream=False))
        client.stop_reading()
        server.engine.going.set()
        server.advance(4.9)
        assert not client.left.is_set()
        server.advance(0.2)
        assert server.controller.expired == FULL | {"send_timeout": 1}
        assert (client.verdict(), client.status) == ("refused", 503)


@pytest.mark.parametrize("transport", ["asgi"])
def test_below_asgi_an_answer_that_is_whole_and_not_read_holds_no_seat(in_time: Start) -> None:
    """It has left Sluice when the server has it, and is not kept for ever."""
    with in_time(send_timeout=5) as server:
        server.engine.going.clear()
        client = server.ask(counting(3, stream=False))
        client.stop_reading()
        server.engine.going.set()
        server.advance(4.9)
        assert (server.inside(), client.left.is_set()) == ((0, 0, 0), False)
        server.advance(0.2)
        assert client.verdict() == "cut off"
        assert server.controller.finished["finished"] == 1


def test_who_takes_all_of_its_time_for_its_body_is_told_so_at_once(in_time: Start) -> None:
    with in_time(timeout=5) as server:
        client = server.ask(counting(3, stream=False), halves=True)
        server.advance(6)
        client.finish_body()
        server.loop.settle()
        assert (client.verdict(), client.error()) == ("refused", (503, "overloaded_error", "timeout"))
        assert server.engine.renders == 0


def test_a_reader_that_is_slow_in_the_end_holds_its_seat_but_no_place_in_the_batch(in_time: Start) -> None:
    """An answer of six tokens, one a second, whose client does not read the last one."""
    with in_time(FakeEngine(seconds_a_token=1), concurrency=1, send_timeout=100) as server:
        slow, other = (server.ask(counting(3)) for _ in range(2))
        server.advance(5.5)
        slow.stop_reading()
        server.advance(7)
        assert other.verdict() == "whole"
        assert not slow.left.is_set()
        slow.read_on()
        server.loop.settle()
        assert slow.verdict() == "whole"


@pytest.mark.parametrize("transport", ["accelerated"])  # below ASGI the server has it by then
@pytest.mark.parametrize("stream", [True, False])
def test_who_hangs_up_before_it_has_taken_the_end_has_not_got_it(in_time: Start, stream: bool) -> None:
    """Six tokens, one a second: the last one waits for a client that does not read."""
    with in_time(FakeEngine(seconds_a_token=1), send_timeout=100) as server:
        client = server.ask(counting(3, stream))
        server.advance(5.5)
        client.stop_reading()
        server.advance(2)
        client.hang_up()
        server.loop.settle()
        assert server.controller.finished["aborted"] == 1


def test_how_long_requests_take_is_told_stage_by_stage(in_time: Start) -> None:
    """One that runs at once, and one that waits for it: six tokens each, one a second."""
    with in_time(FakeEngine(seconds_a_token=1), concurrency=1) as server:
        first, second = server.ask(counting(3)), server.ask(counting(3, stream=False))
        server.advance(12)
        assert (first.verdict(), second.verdict()) == ("whole", "whole")
        client = httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://sluice")
        lines = server.loop.run_until_complete(client.get("/metrics")).text.splitlines()
    told = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    names = ("request_queue_time", "inter_token_latency", "time_to_first_token", "e2e_request_latency")
    assert [told[f"sluice_{name}_seconds_count"] for name in names] == [2, 10, 2, 2]
    assert [told[f"sluice_{name}_seconds_sum"] for name in names] == pytest.approx([6, 10, 1 + 7, 6 + 12])
