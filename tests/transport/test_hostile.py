"""What a client sends does not hold up the others, and is not kept: without end, in tiny pieces, or all at once."""

import asyncio
import logging
import socket
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from tests.held import held
from tests.transport.echo import chunked, error, post, serving, talking

PIECE = 256 * 1024
START = b"POST /x HTTP/1.1\r\nHost: x\r\n"
MEGABYTES = 60


def endless(start: bytes, filling: bytes) -> Iterator[bytes]:
    yield start
    piece = filling * (PIECE // len(filling))
    for _ in range(MEGABYTES * 1024 * 1024 // len(piece)):
        yield piece


CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS: dict[str, tuple[int, Callable[[], Iterator[bytes]]]] = {
    "a header": (431, lambda: endless(START + b"A: ", b"a")),
    "a header's name": (431, lambda: endless(START, b"a")),
    "spaces before a value": (431, lambda: endless(START + b"A:", b" ")),
    "the URL": (414, lambda: endless(b"POST /x?", b"a")),
    "the method": (414, lambda: endless(b"P", b"P")),
    "headers": (431, lambda: endless(START, b"A: b\r\n")),
    "a trailer": (431, lambda: endless(CHUNKED + b"0\r\nA: ", b"a")),
    "trailers": (431, lambda: endless(CHUNKED + b"0\r\n", b"A: b\r\n")),
    "a chunk's extension": (431, lambda: endless(CHUNKED + b"1;a=", b"a")),
    "a chunk's size": (431, lambda: endless(CHUNKED, b"0")),
}


@pytest.fixture(params=["accelerated", "http1"])
def protocol(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def pour(address: tuple[str, int], pieces: Iterator[bytes]) -> bytes:
    """Send until the server has closed; what it has answered, if that has not been lost with the connection."""
    with socket.create_connection(address) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
        except ConnectionError:
            return b""
        return receive_all(client)


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_has_no_end_is_refused_before_it_costs_anything(protocol: str, what: str) -> None:
    _, sent = ENDLESS[what]
    async with serving(protocol) as (_, address):
        async with held() as loop:
            await asyncio.to_thread(pour, address, sent())
        assert loop.longest < 0.05
        tracemalloc.start()
        try:
            await asyncio.to_thread(pour, address, sent())
            assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("what", ENDLESS)
async def test_the_refusal_says_what_was_too_much(protocol: str, what: str) -> None:
    status, sent = ENDLESS[what]
    async with serving(protocol) as (_, address), talking(address) as peer:
        pieces = sent()
        await peer.send(next(pieces))
        await peer.send(next(pieces)[: 80 * 1024])
        assert error(await peer.rest()) == status


@pytest.mark.parametrize(("count", "status"), [(254, 200), (300, 431)])
async def test_headers_have_a_most(protocol: str, count: int, status: int) -> None:
    async with serving(protocol) as (_, address), talking(address) as peer:
        await peer.send(post(b"1", "A: b\r\n" * count))
        assert (await peer.head())[0] == status


async def test_a_head_of_60_kb_is_read_byte_by_byte(protocol: str) -> None:
    def send() -> bytes:
        with socket.create_connection(address) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in post(b"1", "A: %s\r\nConnection: close\r\n" % ("a" * 60_000)):
                client.send(bytes((byte,)))
            return receive_all(client)

    async with serving(protocol) as (_, address), held() as loop:
        assert (await asyncio.to_thread(send)).endswith(b"\r\n\r\n1")
    assert loop.longest < 0.05


async def test_a_megabyte_of_tiny_chunks(protocol: str) -> None:
    """Eight bytes each; nothing else in its place is read while they are sorted out."""
    sent = chunked(*[b"12"] * (1 << 17), headers="Connection: close\r\n")
    async with serving(protocol) as (_, address), held() as loop:
        answer = await asyncio.to_thread(pour, address, iter((sent,)))
    assert answer.endswith(b"\r\n\r\n" + b"12" * (1 << 17))
    assert loop.longest < 0.05


def ask_3000_times(address: tuple[str, int], request: bytes, answer: bytes) -> int:
    """How many answers there are."""
    with socket.create_connection(address) as client:
        client.sendall(request * 3000)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client).count(answer)


@pytest.mark.parametrize("request_", [post(b"{}", path="/refused"), b"GET /got HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_3000_requests_at_once_are_answered_one_after_the_other(
    protocol: str, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = b"full" if b"refused" in request_ else b"nothing"
    async with serving(protocol) as (_, address), held() as loop:
        with caplog.at_level(logging.INFO):
            assert await asyncio.to_thread(ask_3000_times, address, request_, answer) == 3000
    assert loop.longest < 0.05
    assert "Traceback" not in caplog.text


async def test_requests_that_wait_for_the_one_before_stay_with_the_client(protocol: str) -> None:
    """Beyond what the kernel holds; 12 bytes of each are not made to hundreds."""

    def flood() -> int:
        """How many bytes the server takes."""
        with socket.create_connection(address) as client:
            client.sendall(post(b"1", path="/late"))
            client.settimeout(0.5)
            taken = 0
            while True:
                try:
                    taken += client.send(b"GET /got HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000)
                except TimeoutError:
                    return taken

    async with serving(protocol) as (echo, address):
        tracemalloc.start()
        try:
            assert await asyncio.to_thread(flood) < 20 * 1024 * 1024
            assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
        finally:
            tracemalloc.stop()
        assert echo.bodies == [b"1"]
