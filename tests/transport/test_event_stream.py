"""A stream on a connection of ours: what is sent, what waits for a client that does not read, what is closed."""

import asyncio
from typing import Any

import pytest

from sluice.transport.base import Headers
from sluice.transport.event_stream import PING, EventStream
from sluice.transport.heartbeat import Heartbeat


class Wire:
    """The part of a Connection that a stream uses. `reads` can be cleared, and it can fail like one that broke."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.headers: Headers = []
        self.writes: list[bytes] = []
        self.fails_at = fails_at
        self.is_over = False
        self.begun, self.pinged = asyncio.Event(), asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    def begin(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.write(body)
        self.begun.set()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        assert status == 200
        self.begin(headers, body)
        self.is_over = True

    def write(self, body: bytes) -> bool:
        if len(self.writes) == self.fails_at:
            raise OSError("broken")
        if self.reads.is_set():
            self.writes.append(body)
        if body == PING:
            self.pinged.set()
        return self.reads.is_set()

    async def drain(self) -> None:
        await self.reads.wait()

    def end(self, body: bytes) -> None:
        self.write(body)
        self.is_over = True


class Watch:
    """Whether the client reads, as the stream tells it."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.changed = asyncio.Event()

    def __call__(self, is_read: bool) -> None:
        self.told.append(is_read)
        self.changed.set()


def stream(wire: Any, watch: Watch | None = None, heartbeat: Heartbeat | None = None, parts: int = 1) -> EventStream:
    return EventStream(wire, [(b"a", b"b")], parts, heartbeat or Heartbeat(), watch or Watch())


async def test_one_write_a_token() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.open()
        events.write(b"b")
        events.write(b"c")
        assert wire.writes == [b"a", b"b", b"c"]
        await events.end(b"d")
    assert wire.writes == [b"a", b"b", b"c", b"d"]
    assert wire.headers == [(b"a", b"b")]
    assert wire.is_over


async def test_the_headers_go_out_with_the_first_event() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        assert wire.writes == []
        events.write(b"b")
        events.write(b"c")
        await events.end(b"d")
    assert wire.writes == [b"ab", b"c", b"d"]


async def test_the_headers_do_not_wait_for_long() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        await wire.begun.wait()
        assert wire.writes == [b"a"]
        events.write(b"b")
    assert wire.writes == [b"a", b"b"]


async def test_what_has_come_within_a_moment_is_one_write() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.write_last(b"b")
        await events.end(b"c")
    assert wire.writes == [b"abc"]
    assert wire.headers == [(b"a", b"b")]
    assert wire.is_over


async def test_what_fails_within_a_moment_has_sent_nothing() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
    assert not events.is_open
    assert events.opening is not None
    assert events.opening.cancelled()
    assert wire.writes == []


async def test_what_is_last_goes_out_with_the_end() -> None:
    wire = Wire()
    with stream(wire, parts=2) as events:
        events.begin(b"a")
        events.open()
        events.write_last(b"b")
        events.write(b"c")
        events.write_last(b"d")
        assert wire.writes == [b"a", b"b", b"c"]
        await events.end(b"e")
    assert wire.writes == [b"a", b"b", b"c", b"de"]


async def test_what_is_last_while_the_client_does_not_read() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.open()
        wire.reads.clear()
        events.write(b"b")
        events.write_last(b"c")
        wire.reads.set()
        await events.caught_up()
        await events.end(b"d")
    assert wire.writes == [b"a", b"bc", b"d"]


async def test_what_comes_before_the_headers_goes_out_behind_them() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.write(b"b")
        events.write(b"c")
        events.begin(b"a")
        assert wire.writes == [b"abc"]
        events.write(b"d")
    assert wire.writes == [b"abc", b"d"]


async def test_a_client_that_does_not_read_for_a_while_misses_nothing() -> None:
    wire, watch = Wire(), Watch()
    with stream(wire, watch) as events:
        events.begin(b"a")
        events.open()
        events.write(b"1")
        wire.reads.clear()
        events.write(b"2")
        events.write(b"3")
        assert events.is_blocked
        assert watch.told == [False]
        watch.changed.clear()
        wire.reads.set()
        await watch.changed.wait()
        assert not events.is_blocked
        events.write(b"4")
        await events.caught_up()
        await events.end(b"5")
    assert watch.told == [False, True]
    assert wire.writes == [b"a", b"1", b"23", b"4", b"5"]


async def test_caught_up_and_the_end_wait_for_the_client() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.open()
        wire.reads.clear()
        events.write(b"1")
        waiting = [asyncio.create_task(events.caught_up()), asyncio.create_task(events.end(b"2"))]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        wire.reads.set()
        await asyncio.gather(*waiting)
    assert sorted(wire.writes) == [b"1", b"2", b"a"]


async def test_quiet_streams_are_pinged_by_one_timer() -> None:
    heartbeat, wires = Heartbeat(interval=0.01), [Wire(), Wire()]
    with stream(wires[0], heartbeat=heartbeat) as first, stream(wires[1], heartbeat=heartbeat) as second:
        first.begin(b"a")
        first.open()
        second.begin(b"a")
        second.open()
        for wire in wires:
            await wire.pinged.wait()
    for wire in wires:
        assert wire.writes[0] == b"a"
        assert set(wire.writes[1:]) == {PING}
    assert heartbeat.timer is None


async def test_a_busy_or_a_blocked_stream_is_not_pinged() -> None:
    wire = Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.open()
        events.write(b"1")
        events.ping()
        wire.reads.clear()
        events.write(b"2")
        events.ping()
        events.ping()
        wire.reads.set()
        await events.caught_up()
    assert wire.writes == [b"a", b"1", b"2"]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_a_broken_connection_leaves_nothing_behind(fails_at: int) -> None:
    heartbeat, wire = Heartbeat(), Wire(fails_at)

    async def answer() -> None:
        with stream(wire, heartbeat=heartbeat) as events:
            events.begin(b"a")
            events.open()
            events.write(b"b")
            await events.end(b"c")

    with pytest.raises(OSError, match="broken"):
        await answer()
    assert heartbeat.streams == set()
    assert heartbeat.timer is None


async def test_an_end_while_the_client_does_not_read_stops_the_catching_up() -> None:
    before, wire = asyncio.all_tasks(), Wire()
    with stream(wire) as events:
        events.begin(b"a")
        events.open()
        wire.reads.clear()
        events.write(b"1")
    for task in asyncio.all_tasks() - before:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert wire.writes == [b"a"]
