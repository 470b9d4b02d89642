"""The stream on raw ASGI: what is sent, what waits for a client that does not read, what is closed in any case."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message

from server.streaming.heartbeat import Heartbeat
from server.streaming.protocol import CONNECTION
from server.streaming.response import PING, EventStream

Carry = Callable[[], Awaitable[bytes]]


class Wire:
    """Records what is sent; `reads` can be cleared, and it can fail like a connection that broke."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.sent: list[Message] = []
        self.writes: list[bytes] = []
        self.fails_at = fails_at
        self.reads = asyncio.Event()
        self.reads.set()

    @property
    def scope(self) -> dict[str, Any]:
        return {"extensions": {CONNECTION: self}}

    def write(self, body: bytes) -> bool:
        if self.reads.is_set():
            self.writes.append(body)
        return self.reads.is_set()

    async def send(self, message: Message) -> None:
        if len(self.sent) == self.fails_at:
            raise OSError("broken")
        await self.reads.wait()
        self.sent.append(message)
        if message.get("body"):
            self.writes.append(message["body"])

    async def receive(self) -> Message:
        raise AssertionError("a stream reads nothing")


class Watch:
    """Whether the client reads, as the stream tells it."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.changed = asyncio.Event()

    def __call__(self, is_read: bool) -> None:
        self.told.append(is_read)
        self.changed.set()


def stream(carry: Carry, watch: Watch | None = None, heartbeat: Heartbeat | None = None) -> EventStream:
    return EventStream(b"data: a\n\n", carry, heartbeat or Heartbeat(), watch or Watch())


async def test_one_write_a_token() -> None:
    async def carry() -> bytes:
        events.write(b"data: b\n\n")
        events.write(b"data: c\n\n")
        return b"data: d\n\n"

    wire, events = Wire(), stream(carry)
    await events(wire.scope, wire.receive, wire.send)
    assert wire.writes == [b"data: a\n\n", b"data: b\n\n", b"data: c\n\n", b"data: d\n\n"]
    headers = dict(wire.sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert wire.sent[-1]["more_body"] is False


async def test_what_comes_before_the_headers_goes_out_behind_them() -> None:
    async def carry() -> bytes:
        return b""

    wire, events = Wire(), stream(carry)
    events.write(b"data: b\n\n")
    await events(wire.scope, wire.receive, wire.send)
    assert wire.writes == [b"data: a\n\ndata: b\n\n"]


async def test_a_client_that_does_not_read_for_a_while_misses_nothing() -> None:
    watch = Watch()

    async def carry() -> bytes:
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
        return b"5"

    wire, events = Wire(), stream(carry, watch)
    await events(wire.scope, wire.receive, wire.send)
    assert watch.told == [False, True]
    assert wire.writes == [b"data: a\n\n", b"1", b"23", b"4", b"5"]


async def test_caught_up_waits_for_the_last_byte() -> None:
    async def carry() -> bytes:
        wire.reads.clear()
        events.write(b"1")
        waiting = asyncio.create_task(events.caught_up())
        await asyncio.sleep(0)
        assert not waiting.done()
        wire.reads.set()
        await waiting
        assert wire.writes[-1] == b"1"
        return b""

    wire, events = Wire(), stream(carry)
    await events(wire.scope, wire.receive, wire.send)


async def test_quiet_streams_are_pinged_by_one_timer() -> None:
    heartbeat = Heartbeat(interval=0.01)

    class Listening(Wire):
        def __init__(self) -> None:
            super().__init__()
            self.pinged = asyncio.Event()

        def write(self, body: bytes) -> bool:
            if body == PING:
                self.pinged.set()
            return super().write(body)

    async def served(wire: Listening) -> None:
        async def carry() -> bytes:
            await wire.pinged.wait()
            return b"data: b\n\n"

        await stream(carry, heartbeat=heartbeat)(wire.scope, wire.receive, wire.send)

    wires = [Listening(), Listening()]
    await asyncio.gather(*map(served, wires))
    for wire in wires:
        assert wire.writes[0] == b"data: a\n\n"
        assert set(wire.writes[1:-1]) == {PING}
        assert wire.writes[-1] == b"data: b\n\n"
    assert heartbeat.timer is None


async def test_a_busy_or_a_blocked_stream_is_not_pinged() -> None:
    async def carry() -> bytes:
        events.write(b"1")
        events.ping()
        wire.reads.clear()
        events.write(b"2")
        events.ping()
        events.ping()
        wire.reads.set()
        await events.caught_up()
        return b""

    wire, events = Wire(), stream(carry)
    await events(wire.scope, wire.receive, wire.send)
    assert wire.writes == [b"data: a\n\n", b"1", b"2"]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_a_broken_connection_leaves_nothing_behind(fails_at: int) -> None:
    async def carry() -> bytes:
        return b"data: b\n\n"

    heartbeat, wire = Heartbeat(), Wire(fails_at)
    with pytest.raises(OSError, match="broken"):
        await stream(carry, heartbeat=heartbeat)(wire.scope, wire.receive, wire.send)
    assert heartbeat.streams == set()
    assert heartbeat.timer is None


async def test_an_end_while_the_client_does_not_read_stops_the_catching_up() -> None:
    async def carry() -> bytes:
        wire.reads.clear()
        events.write(b"1")
        raise TimeoutError

    before = asyncio.all_tasks()
    wire, events = Wire(), stream(carry)
    with pytest.raises(TimeoutError):
        await events(wire.scope, wire.receive, wire.send)
    for task in asyncio.all_tasks() - before:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert wire.writes == [b"data: a\n\n"]
