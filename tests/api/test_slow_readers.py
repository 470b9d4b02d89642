"""Clients that read slowly, on real sockets: whoever takes something now and then is waited for, to the last byte."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from tests.api.streams import put_together
from tests.api.wire import CHAT
from tests.process import Process, started
from tests.test_lifecycle import counting

SEND_TIMEOUT_S = 1.0
SEQUENCES, LAST = 16, 400
NUMBERS = " ".join(map(str, range(1, LAST + 1)))
BYTES_A_SECOND = {"accelerated": 30_000, "asgi": 120_000}
"""Below ASGI all that is known is when the server wants more: uvicorn does after some 50 KB."""


def serving(transport: str) -> AbstractAsyncContextManager[Process]:
    settings = {"http.port": 0, "http.accelerate": transport == "accelerated", "traffic.send_timeout": SEND_TIMEOUT_S}
    return started("tests.serve_fake", json.dumps(settings), "{}")


class Reader:
    """`received`: all that has come of its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.received = connection, b""

    def read(self, bytes_a_second: float, seconds: float) -> None:
        """Some fifty times a second, on a thread. Raises ConnectionError if it is cut off."""
        began, before = time.monotonic(), len(self.received)
        while (passed := time.monotonic() - began) < seconds:
            time.sleep(0.02)
            due = int(passed * bytes_a_second) - len(self.received) + before
            if due > 0 and not self.take(due):
                raise ConnectionError(f"cut off after {passed:.1f} s")

    def take(self, at_most: int) -> bytes:
        data = self.connection.recv(at_most)
        self.received += data
        return data

    def read_on(self, end: bytes) -> None:
        while not self.received.endswith(end):
            assert self.take(65536), "cut off"

    def read_whole(self) -> None:
        """As much as its head says."""
        length = re.search(rb"content-length: (\d+)", self.received)
        assert length is not None
        while len(self.body) < int(length[1]):
            assert self.take(65536), "cut off"

    @property
    def body(self) -> bytes:
        """Without its head and its chunks."""
        head, _, rest = self.received.partition(b"\r\n\r\n")
        if b"chunked" not in head:
            return rest
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return body


@contextmanager
def asking(server: Process, body: dict[str, Any]) -> Iterator[Reader]:
    content = json.dumps(body).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
        connection.sendall(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (CHAT.encode(), len(content)))
        connection.sendall(content)
        yield Reader(connection)


async def test_who_reads_slowly_but_steadily_gets_all_of_a_stream_and_who_stops_is_cut(transport: str) -> None:
    """For four times as long as it may take nothing; then one goes on quickly, and the other takes nothing."""
    body = counting(LAST) | {"n": SEQUENCES}
    async with serving(transport) as server:
        await server.readiness("ready")
        with asking(server, body) as steady, asking(server, body) as stops:
            await asyncio.gather(*(
                asyncio.to_thread(each.read, BYTES_A_SECOND[transport], 4 * SEND_TIMEOUT_S) for each in (steady, stops)
            ))  # fmt: skip
            await server.has(admitted=2 * SEQUENCES)
            await asyncio.to_thread(steady.read_on, b"\r\n0\r\n\r\n")
            streamed = put_together(steady.body, CHAT, SEQUENCES, wants_usage=False)
            assert {choice.text for choice in streamed.choices} == {NUMBERS}
            await server.has(admitted=0)
            finished = (await server.status())["finished"]
            assert (finished["finished"], finished["expired"], finished["aborted"]) == (SEQUENCES, SEQUENCES, 0)
            assert (await server.status())["expired"]["send_timeout"] == SEQUENCES


async def test_an_answer_that_is_whole_is_read_as_slowly_as_its_client_likes(transport: str) -> None:
    """A long one has its seat until it is read. Who takes nothing of a short one, which has none, is forgotten."""
    long = counting(LAST, stream=False) | {"n": SEQUENCES, "logprobs": True}
    async with serving(transport) as server:
        await server.readiness("ready")
        with asking(server, long) as steady, asking(server, long | {"n": 2}):
            await asyncio.to_thread(steady.read, BYTES_A_SECOND[transport], 4 * SEND_TIMEOUT_S)
            await server.has(admitted=SEQUENCES)
            await asyncio.to_thread(steady.read_whole)
            choices = json.loads(steady.body)["choices"]
            assert {choice["message"]["content"] for choice in choices} == {NUMBERS}
            steady.connection.close()
            await server.has_no_connection(within=20)
        assert (await server.status())["finished"]["finished"] == SEQUENCES + 2
