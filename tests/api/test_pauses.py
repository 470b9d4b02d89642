"""A pause is waiting: for as long as the scheduler has taken its place away, a stream's own time does not run."""

from typing import Any

import pytest

from tests.api.in_time import Asking, InTime, Start
from tests.api.test_tenants import tenants
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

GREEDY_AND_HEAVY = tenants(a={}, b={"weight": 3})
LIMITS = {"queue_timeout": None, "stall_timeout": 2, "first_token_timeout": 2}


def post(server: InTime, name: str, body: dict[str, Any]) -> Asking:
    return server.ask(body, {"x-api-key": f"sk-{name}"})


@pytest.mark.parametrize("stream", [True, False])
def test_a_stream_that_is_paused_for_long_goes_on_to_the_letter(in_time: Start, stream: bool) -> None:
    """Two of a run, and three of b, which weighs three times as much, come: one of a's waits for 100 s or more."""
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, **LIMITS) as server:
        long = [post(server, "a", counting(100, stream)) for _ in range(2)]
        server.advance(5)
        short = [post(server, "b", counting(50)) for _ in range(3)]
        server.advance(40)
        assert server.controller.scheduler.paused_total == 1
        assert server.inside() == (5, 2, 3)
        server.advance(300)
        assert [client.verdict() for client in (*long, *short)] == ["whole"] * 5
        assert set(server.controller.expired.values()) == {0}


def test_one_that_is_paused_before_its_first_token(in_time: Start) -> None:
    with in_time(settings=GREEDY_AND_HEAVY, concurrency=2, stall_timeout=2, first_token_timeout=5) as server:
        server.engine.going.clear()
        late = [post(server, "a", counting(3)) for _ in range(2)]
        server.advance(4)
        hasty = post(server, "b", counting(3))
        server.advance(2)
        assert [client.left.is_set() for client in (*late, hasty)] == [True, False, False]
        server.advance(2.9)
        server.engine.going.set()
        server.loop.settle()
        assert (late[1].verdict(), hasty.verdict()) == ("whole", "whole")


def test_from_its_return_on_its_time_runs_anew(in_time: Start) -> None:
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, stall_timeout=2) as server:
        for _ in range(2):
            post(server, "a", counting(100))
        server.advance(5)
        paused = server.asking[1]
        short = post(server, "b", counting(10))
        server.advance(10.1)
        assert (short.verdict(), server.inside()) == ("whole", (2, 2, 0))
        engine.going.clear()  # before the one that was paused has had a token
        server.advance(1.8)
        assert not paused.left.is_set()
        server.advance(0.4)
        assert paused.error() == (200, "overloaded_error", "stall_timeout")


def test_of_several_sequences_those_that_run_are_looked_at(in_time: Start) -> None:
    """One of two waits, and the engine gives the other none: that is a stall."""
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, stall_timeout=2) as server:
        two = post(server, "a", counting(100) | {"n": 2})
        server.advance(5)
        one = post(server, "b", counting(100))
        server.advance(10)
        assert (two.left.is_set(), server.inside()) == (False, (3, 2, 1))
        engine.going.clear()
        server.advance(1.4)
        assert not two.left.is_set()
        server.advance(0.6)
        assert (two.error(), one.error()) == ((200, "overloaded_error", "stall_timeout"),) * 2


def test_sequences_that_have_not_begun_do_not_stall_the_others(in_time: Start) -> None:
    """Of a request with three only one runs at a time, and between them somebody else does, for 30 s."""
    engine = FakeEngine(seconds_a_token=1)
    limits = {"concurrency": 1, "stall_timeout": 2, "first_token_timeout": 2, "queue_timeout": 20}
    with in_time(engine, tenants(a={}, b={}), **limits) as server:
        three = post(server, "a", counting(3) | {"n": 3, "seed": 1})
        one = post(server, "b", counting(15) | {"seed": 1})
        server.advance(60)
        assert (three.verdict(), one.verdict()) == ("whole", "whole")


def test_the_whole_life_goes_on_while_it_is_paused(in_time: Start) -> None:
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, timeout=30, stall_timeout=2) as server:
        first, paused = (post(server, "a", counting(100)) for _ in range(2))
        server.advance(5)
        post(server, "b", counting(100))
        server.advance(24.9)
        assert (first.left.is_set(), paused.left.is_set(), server.inside()) == (False, False, (3, 2, 1))
        server.advance(0.2)
        assert paused.error() == (200, "overloaded_error", "timeout")


def test_a_paused_stream_gives_signs_of_life(in_time: Start) -> None:
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, stall_timeout=2) as server:
        _, paused = (post(server, "a", counting(100)) for _ in range(2))
        server.advance(5)
        post(server, "b", counting(100))
        before = len(paused.received)
        server.advance(60)
        assert set(paused.received[before:].split(b"\n\n")) == {b": ping", b""}
        assert paused.received[before:].count(b": ping") >= 3


def test_a_client_that_does_not_read_what_it_had_before_the_pause_is_cut(in_time: Start) -> None:
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2, send_timeout=10) as server:
        _, paused = (post(server, "a", counting(100)) for _ in range(2))
        server.advance(5)
        paused.stop_reading()
        server.advance(1)
        post(server, "b", counting(100))
        server.advance(8)
        assert not paused.left.is_set()
        server.advance(2)
        assert server.controller.expired["send_timeout"] == 1
        assert paused.verdict() == "cut off"


def test_how_long_the_oldest_waits_is_counted_from_its_pause(in_time: Start) -> None:
    engine = FakeEngine(seconds_a_token=0.5)
    with in_time(engine, GREEDY_AND_HEAVY, concurrency=2) as server:
        for _ in range(2):
            post(server, "a", counting(100))
        server.advance(20)
        post(server, "b", counting(100))
        server.advance(3)
        assert server.controller.scheduler.oldest_wait() == pytest.approx(3)
