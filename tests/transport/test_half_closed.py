"""Who closes its side of the connection may still read, or has gone; both look the same until something is sent."""

import asyncio

import pytest

from sluice.transport.half_closed import HalfClosed
from tests.transport.echo import chunked, post, serving, talking


@pytest.fixture(params=["accelerated", "http1"])
def protocol(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.mark.parametrize("request_", [post(b"1", path="/late"), chunked(b"1", path="/late")])
async def test_who_still_reads_is_answered(protocol: str, request_: bytes) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(request_)
        peer.writer.write_eof()
        assert (await peer.head())[0] == 100  # are you there?
        echo.may_end.set()
        assert await peer.answer() == (200, b"1")
        assert (await peer.rest(), echo.lost) == (b"", 0)


async def test_who_still_reads_gets_all_of_a_stream(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(post(b"1", path="/stream"))
        assert (await peer.head())[0] == 200
        peer.writer.write_eof()
        assert await peer.reader.readuntil(b": ping\n\n\r\n") == b"9\r\ndata: 1\n\n\r\n8\r\n: ping\n\n\r\n"
        echo.may_end.set()
        assert (await peer.rest(), echo.lost) == (b"9\r\ndata: 2\n\n\r\n0\r\n\r\n", 0)


async def test_who_has_sent_several_requests_gets_all_answers(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        echo.may_end.set()
        await peer.send(post(b"1") + chunked(b"2") + post(b"3", path="/refused") + post(b"4") + b"POST /x HT")
        peer.writer.write_eof()
        received = await peer.rest()
        answers = [answer.rpartition(b"\r\n\r\n")[2] for answer in received.split(b"HTTP/1.1 ")]
        assert [answer for answer in answers if answer] == [b"1", b"2", b"full", b"4"]


@pytest.mark.parametrize("path", ["/late", "/stream"])
async def test_who_has_gone_is_noticed_although_there_is_nothing_to_be_sent(protocol: str, path: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(post(b"1", path=path))
        await echo.arrived.wait()
        if path == "/stream":
            await peer.reader.readuntil(b"data: 1\n\n\r\n")
        peer.writer.close()
        async with asyncio.timeout(1):
            await echo.gone.wait()


class Asking(asyncio.Protocol):
    """Keeps the connection open, and asks. `lost` is set when it is."""

    def __init__(self) -> None:
        self.lost, self.asked = asyncio.Event(), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def eof_received(self) -> bool:
        self.half_closed = HalfClosed(self.transport, self.ask, interval=0.02)
        return True

    def ask(self) -> None:
        self.asked += 1
        self.transport.write(b"?")

    def connection_lost(self, exc: Exception | None) -> None:
        self.half_closed.close()
        self.lost.set()


async def test_who_goes_long_after_having_closed_its_side_is_noticed() -> None:
    asking, loop = Asking(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: asking, "127.0.0.1", 0)
    async with server, talking(server.sockets[0].getsockname()) as peer:
        peer.writer.write_eof()
        assert await peer.reader.readexactly(5) == b"?????"
        assert not asking.lost.is_set()
        peer.writer.close()
        async with asyncio.timeout(1):
            await asking.lost.wait()
        asked = asking.asked
        await asyncio.sleep(0.05)
        assert asking.asked == asked


@pytest.mark.parametrize("sent", [post(b"12", path="/late")[:-1], post(b"12", path="/late")[:20]])
async def test_what_is_incomplete_is_not_waited_for(protocol: str, sent: bytes) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(sent)
        peer.writer.write_eof()
        assert (await peer.rest(), echo.bodies) == (b"", [])


async def test_http_1_0_has_gone(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(post(b"1", path="/late", version="1.0"))
        await echo.arrived.wait()
        peer.writer.write_eof()
        assert await peer.rest() == b""
        await echo.gone.wait()
