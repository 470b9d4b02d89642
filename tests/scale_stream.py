"""A stream of which only the moments are kept: thousands of them cost a load generator next to nothing."""

import asyncio
import json
import time
from array import array
from typing import cast

LONGEST = 4000
"""Tokens: the fake model has no room for more."""
ACCEPTED, EVENT, DONE = b"HTTP/1.1 200 ", b"data: {", b"data: ["


def request(host: str, tokens: int) -> bytes:
    """The bytes that ask the fake model for an answer of so many tokens, each an event of its own."""
    prompt = f"Count from 1 to {tokens // 2 + 1}"
    body = json.dumps({"model": "demo", "prompt": prompt, "max_tokens": tokens, "stream": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Stream(asyncio.Protocol):
    """`moments`: when each token came, on the clock of `time.monotonic`.

    `first` is done with the first of them, or raises ConnectionError.
    """

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.moments = array("d")
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.rest = b""
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own has another base
        self.transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self.rest + data
        self.ended |= DONE in data
        for _ in range(data.count(EVENT)):
            self.moments.append(now)
        self.rest = data[1 - len(EVENT) :]
        if self.first.done():
            return
        if self.moments:
            self.first.set_result(None)
        elif len(data) >= len(ACCEPTED) and not data.startswith(ACCEPTED):
            self.first.set_exception(ConnectionError(data.decode()))
        else:
            self.rest = data  # nothing but the head so far

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        if not self.first.done():
            self.first.set_exception(ConnectionError(str(error or "closed")))
