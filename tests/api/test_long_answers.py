"""An answer that is not streamed, and longer than the sockets hold: sent as it is read, and given up as a stream is."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import Running, Serve
from tests.fake import FakeEngine

LONG: dict[str, Any] = {
    "model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 2000"}], "n": 4, "max_tokens": 1900,
    "logprobs": True, "top_logprobs": 20,
}  # fmt: skip


@contextmanager
def asking(server: Running) -> Iterator[socket.socket]:
    """A client that has asked for it, and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
        body = json.dumps(LONG).encode()
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        yield client


async def test_who_does_not_read_it_is_cut_off(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, send_timeout=0.5) as server:
        with asking(server):
            await server.has(running=4)
            await server.is_empty()
        assert (await server.status())["expired"]["send_timeout"] == 4


async def test_who_hangs_up_in_it_has_aborted(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server:
        with asking(server):
            await server.has(running=4)
            await server.has(running=0)
            assert (await server.status())["admitted"] == 4  # it is being sent
        await server.is_empty()
        assert (await server.status())["finished"]["aborted"] == 4
