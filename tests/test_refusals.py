"""Who is refused before its body was read learns of it, whatever it sends and however it reads; on uvloop."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest

from tests.process import started
from tests.test_lifecycle import ENDLESS, counting, streaming

TRIES = 50
SIZES = (1_000_000, 4_000_000)


def full(accelerate: bool) -> str:
    return json.dumps({"http.port": 0, "http.accelerate": accelerate, "traffic.max_concurrency": 1})


def with_urllib(url: str, size: int) -> tuple[int, bool]:
    """Sends all of its body before it reads, and says `connection: close`."""
    body = json.dumps(counting(3) | {"user": "x" * size}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    refused.value.close()
    return refused.value.code, "retry-after" in refused.value.headers


def with_nginx(url: str, size: int) -> tuple[int, bool]:
    """HTTP/1.0, as nginx's `proxy_pass` speaks it."""
    host, _, path = url.removeprefix("http://").partition("/")
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port)), timeout=20) as connection:
        head = f"POST /{path} HTTP/1.0\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(size // 50_000):
            connection.sendall(b"x" * 50_000)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return int(answer.split(b" ")[1]), b"retry-after: " in answer.lower()


async def tries(ask: object, url: str) -> set[tuple[int, bool]]:
    assert callable(ask)
    return {await asyncio.to_thread(ask, url, SIZES[number % 2]) for number in range(TRIES)}


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("ask", [with_urllib, with_nginx])
async def test_a_refusal_arrives_although_its_body_is_unread(accelerate: bool, ask: object) -> None:
    async with started("tests.serve_fake", full(accelerate), '{"seconds_a_token": 0.05}') as server:
        async with streaming(server, ENDLESS):
            assert await tries(ask, f"{server.url}/v1/chat/completions") == {(429, True)}
            assert await tries(ask, f"{server.url}/v1/nowhere") == {(404, False)}
        await server.has(admitted=0)
        await server.has_no_connection(within=10)


@pytest.mark.parametrize("accelerate", [True, False])
async def test_a_body_that_is_too_long_or_has_no_key_is_told_so(accelerate: bool) -> None:
    settings = json.loads(full(accelerate)) | {"http.max_body_bytes": 500_000}
    async with started("tests.serve_fake", json.dumps(settings), "{}") as server:
        await server.readiness("ready")
        assert await tries(with_urllib, f"{server.url}/v1/chat/completions") == {(413, False)}
        await server.has(admitted=0)
