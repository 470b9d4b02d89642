"""The stream on raw ASGI: what is sent, and what is closed whatever happens."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from server.streaming.response import PING, EventStream


class Wire:
    """Records what is sent; can fail like a connection that broke."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.sent: list[Message] = []
        self.fails_at = fails_at

    async def send(self, message: Message) -> None:
        if len(self.sent) == self.fails_at:
            raise OSError("broken")
        self.sent.append(message)

    async def receive(self) -> Message:
        raise AssertionError("a stream reads nothing")

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent[1:]]


async def test_one_write_a_chunk() -> None:
    async def rest() -> AsyncGenerator[bytes, None]:
        yield b"data: b\n\n"
        yield b"data: c\n\n"

    wire = Wire()
    await EventStream(b"data: a\n\n", rest())({}, wire.receive, wire.send)
    assert wire.bodies == [b"data: a\n\n", b"data: b\n\n", b"data: c\n\n", b""]
    headers = dict(wire.sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert [message.get("more_body") for message in wire.sent[1:]] == [True, True, True, False]


async def test_a_quiet_stream_is_pinged() -> None:
    pinged = asyncio.Event()

    async def rest() -> AsyncGenerator[bytes, None]:
        await pinged.wait()
        yield b"data: b\n\n"

    class Listening(Wire):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.get("body") == PING:
                pinged.set()

    wire = Listening()
    await EventStream(b"data: a\n\n", rest(), ping=0.01)({}, wire.receive, wire.send)
    assert wire.bodies[0] == b"data: a\n\n"
    assert set(wire.bodies[1:-2]) == {PING}
    assert wire.bodies[-2:] == [b"data: b\n\n", b""]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_a_broken_connection_closes_the_source(fails_at: int) -> None:
    closed = asyncio.Event()

    async def rest() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"data: b\n\n"
        finally:
            closed.set()

    events = rest()
    first = await anext(events)
    wire = Wire(fails_at)
    with pytest.raises(OSError, match="broken"):
        await EventStream(first, events)({}, wire.receive, wire.send)
    assert closed.is_set()
