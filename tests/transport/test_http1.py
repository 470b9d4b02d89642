"""What both protocols of ours make of bytes: where a message ends, what is none, and in which order it is answered."""

import asyncio

import pytest

from tests.transport.echo import Peer, chunked, error, post, serving, talking


@pytest.fixture(params=["accelerated", "http1"])
def protocol(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


SMUGGLED = post(b"smuggled", path="/late")
UPGRADES = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: anything/7\r\n",
]


@pytest.mark.parametrize("size", [1 << 20, 100, 1])
@pytest.mark.parametrize("upgrade", UPGRADES)
async def test_an_upgrade_is_ignored_and_the_body_is_what_it_says(protocol: str, upgrade: str, size: int) -> None:
    """However the bytes come, and whatever they look like."""
    async with serving(protocol) as (echo, address), talking(address) as peer:
        sent = post(SMUGGLED, upgrade) + chunked(SMUGGLED, headers=upgrade) + post(b"last")
        sending = asyncio.create_task(peer.send(sent, size))
        assert [await peer.answer() for _ in range(3)] == [(200, SMUGGLED), (200, SMUGGLED), (200, b"last")]
        await sending
        assert echo.bodies == [SMUGGLED, SMUGGLED, b"last"]


async def test_an_upgrade_whose_body_is_a_packet_of_its_own(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        whole = post(SMUGGLED, UPGRADES[0])
        await peer.send(whole[: -len(SMUGGLED)])
        await asyncio.sleep(0.05)  # a client that waits for 101 for a while
        assert echo.bodies == []
        await peer.send(SMUGGLED)
        assert await peer.answer() == (200, SMUGGLED)


async def test_a_get_with_an_upgrade_is_a_get(protocol: str) -> None:
    async with serving(protocol) as (_, address), talking(address) as peer:
        await peer.send(f"GET /got HTTP/1.1\r\nHost: x\r\n{UPGRADES[1]}\r\n".encode() + post(b"next"))
        assert [await peer.answer() for _ in range(2)] == [(200, b"nothing"), (200, b"next")]


def head(*lines: str, start: str = "POST /x HTTP/1.1") -> bytes:
    return "\r\n".join([start, "Host: x", *lines, "", ""]).encode()


CHUNKED, LENGTH = "Transfer-Encoding: chunked", "Content-Length: 5"
MALFORMED: dict[str, tuple[int, bytes]] = {
    "length and chunked": (400, head(LENGTH, CHUNKED) + b"0\r\n\r\n"),
    "chunked and length": (400, head(CHUNKED, LENGTH) + b"0\r\n\r\n"),
    "two lengths": (400, head(LENGTH, "Content-Length: 6") + b"123456"),
    "the same length twice": (400, head(LENGTH, LENGTH) + b"12345"),
    "a list of lengths": (400, head("Content-Length: 5, 5") + b"12345"),
    "a length with a sign": (400, head("Content-Length: +5") + b"12345"),
    "a hexadecimal length": (400, head("Content-Length: 0x5") + b"12345"),
    "no length": (400, head("Content-Length:") + b"12345"),
    "a length beyond 64 bits": (400, head("Content-Length: 99999999999999999999") + b"12345"),
    "chunked, but not last": (400, head("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n"),
    "chunked twice": (400, head(CHUNKED, CHUNKED) + b"0\r\n\r\n"),
    "something like chunked": (400, head("Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    "another coding": (501, head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
    "chunked in HTTP/1.0": (400, head(CHUNKED, start="POST /x HTTP/1.0") + b"0\r\n\r\n"),
    "a folded header": (400, head("X: a\r\n b")),
    "a folded length": (400, head("Content-Length:\r\n 5") + b"12345"),
    "a space before the colon": (400, head("Content-Length : 5") + b"12345"),
    "bare line feeds": (400, b"POST /x HTTP/1.1\nHost: x\nContent-Length: 5\n\n12345"),
    "one bare line feed": (400, head("A: b\nContent-Length: 5") + b"12345"),
    "a bare carriage return": (400, head("A: b\rContent-Length: 5") + b"12345"),
    "a head that ends twice": (400, b"POST /x HTTP/1.1\r\nHost: x\n\r\nContent-Length: 5\r\n\r\n12345"),
    "a zero byte": (400, head("A: b\0c")),
    "a header without a name": (400, head(": b")),
    "two hosts": (400, head("Host: y")),
    "a method that is none": (400, head(start="FETCH /x HTTP/1.1")),
    "CONNECT": (400, head(start="CONNECT example.org:443 HTTP/1.1")),
    "HTTP/2 by itself": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2 in lines": (505, head(start="GET / HTTP/2.0")),
    "HTTP/0.9": (505, head(start="GET / HTTP/0.9")),
    "a version that is none": (400, head(start="GET / HTTP/1.2")),
    "a URL beyond ASCII": (400, "GET /é HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "noise": (400, b"\x00" * 100),
    "a size that is none": (400, head(CHUNKED) + b"g\r\n12345\r\n0\r\n\r\n"),
    "a size with a sign": (400, head(CHUNKED) + b"+5\r\n12345\r\n0\r\n\r\n"),
    "a size with a prefix": (400, head(CHUNKED) + b"0x5\r\n12345\r\n0\r\n\r\n"),
    "a size beyond 64 bits": (400, head(CHUNKED) + b"fffffffffffffffff\r\n12345\r\n0\r\n\r\n"),
    "a bare line feed after a size": (400, head(CHUNKED) + b"5\n12345\r\n0\r\n\r\n"),
    "a carriage return in an extension": (400, head(CHUNKED) + b"5;a\rb\r\n12345\r\n0\r\n\r\n"),
    "a bare line feed after a chunk": (400, head(CHUNKED) + b"5\r\n12345\n0\r\n\r\n"),
    "a chunk that is too long": (400, head(CHUNKED) + b"5\r\n123456\r\n0\r\n\r\n"),
    "a bare line feed in trailers": (400, head(CHUNKED) + b"0\r\nA: b\n\r\n"),
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_what_is_malformed_or_ambiguous_is_refused_and_the_connection_ends(protocol: str, what: str) -> None:
    status, sent = MALFORMED[what]
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(sent + post(b"smuggled"))
        assert error(await peer.rest()) == status
        assert echo.bodies == []


@pytest.mark.parametrize("size", [1 << 20, 1])
async def test_chunks_in_pieces_with_extensions_and_trailers(protocol: str, size: int) -> None:
    async with serving(protocol) as (_, address), talking(address) as peer:
        sent = chunked(
            b"1", b"23" * 20, b"\r\n0\r\n\r\n", extension=' ; a="b;c"', trailers="A: b\r\nContent-Length: 3\r\n"
        )
        sending = asyncio.create_task(peer.send(b"\r\n" + sent + b"\r\n" + post(b"next"), size))
        assert [await peer.answer() for _ in range(2)] == [(200, b"1" + b"23" * 20 + b"\r\n0\r\n\r\n"), (200, b"next")]
        await sending


async def test_trailers_are_no_headers(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(chunked(b"1", trailers="Authorization: Bearer x\r\n"))
        assert await peer.answer() == (200, b"1")
        assert [name for name, _ in echo.headers] == [b"host", b"transfer-encoding"]


async def test_continue_is_said_to_who_waits_for_it(protocol: str) -> None:
    async with serving(protocol) as (_, address), talking(address) as peer:
        await peer.send(post(b"12", "Expect: 100-continue\r\n")[:-2])
        assert (await peer.head())[0] == 100
        await peer.send(b"12")
        assert await peer.answer() == (200, b"12")


async def ends(peer: Peer) -> bytes:
    status, headers = await peer.head()
    assert (status, headers["connection"]) == (200, "close")
    assert "transfer-encoding" not in headers
    return await peer.rest()


@pytest.mark.parametrize("keep_alive", ["", "Connection: keep-alive\r\n"])
async def test_http_1_0_gets_a_body_that_ends_with_the_connection(protocol: str, keep_alive: str) -> None:
    async with serving(protocol) as (echo, address):
        echo.may_end.set()
        async with talking(address) as peer:
            await peer.send(post(b"1", keep_alive, path="/stream", version="1.0"))
            assert await ends(peer) == b"data: 1\n\ndata: 2\n\n"
        async with talking(address) as peer:
            await peer.send(post(b"1", keep_alive, version="1.0"))
            assert await ends(peer) == b"1"


async def test_what_is_malformed_waits_until_the_answer_before_is_complete(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(post(b"1", path="/stream") + b"NONSENSE\r\n\r\n")
        await echo.arrived.wait()
        echo.may_end.set()
        streamed, _, malformed = (await peer.rest()).partition(b"HTTP/1.1 400 ")
        assert streamed.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        assert error(b"HTTP/1.1 400 " + malformed) == 400


async def test_a_body_that_breaks_frees_its_request(protocol: str) -> None:
    async with serving(protocol) as (echo, address), talking(address) as peer:
        await peer.send(chunked(b"1", path="/late")[:-5] + b"x")
        await asyncio.sleep(0.02)
        await peer.send(b"\r\n")
        assert error(await peer.rest()) == 400
        if protocol == "accelerated":
            await echo.gone.wait()
            assert (echo.lost, echo.bodies) == (1, [])


async def test_a_body_that_breaks_after_its_answer_gets_no_second_one(protocol: str) -> None:
    async with serving(protocol) as (_, address), talking(address) as peer:
        await peer.send(chunked(b"1", path="/refused")[:-5])
        assert await peer.answer() == (429, b"full")
        await peer.send(b"x\r\n")
        assert await peer.rest() == b""
