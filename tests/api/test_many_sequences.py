"""Requests of a thousand sequences: nobody else on the loop waits for them."""

import asyncio
import json
import re
import socket
import time
from typing import Any

from sluice.engine.base import AS_IT_IS, Constraint, Prompt, Receiver, Rendered, Sampling, Tokenizing
from tests.conftest import Running, Serve
from tests.fake import FakeEngine, FakeSequence
from tests.held import held

MANY = 1024
LONGEST_TURN_S = 0.05
MANY_PROMPTS = {"model": "demo", "prompt": ["Count from 1 to 3"] * MANY, "stream": True}
ONE_PROMPT = MANY_PROMPTS | {"prompt": "Count from 1 to 3"}


def work(seconds: float) -> None:
    """So much of the processor's time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Costly(FakeEngine):
    """A prompt of it costs what a short one does that is rendered on the loop, and a sequence its way to vLLM."""

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        work(0.0002)
        return await super().render(prompt, constraint, tokenizing)

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        work(0.0002)
        return super().submit(sequence_id, prompt, sampling, receiver, adapter)


def post(server: Running, body: dict[str, Any], until: bytes) -> bytes:
    """What has come by the time that this has; then the connection is closed. For a thread."""
    content = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as connection:
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(content) + content)
        received = b""
        while until not in whole(received[-70_000:]) and (data := connection.recv(65536)):
            received += data
        return whole(received)


def whole(chunks: bytes) -> bytes:
    """Without the lines between chunks, which may stand inside an event."""
    return re.sub(rb"\r\n[0-9a-f]+\r\n", b"", chunks)


async def answered(server: Running, requests: int, until: bytes) -> list[bytes]:
    return await asyncio.gather(*(asyncio.to_thread(post, server, MANY_PROMPTS, until) for _ in range(requests)))


async def test_thousands_of_sequences_hold_nobody_up(serve: Serve) -> None:
    """They come, run 256 at a time, and end; one more request beside them is let in and answered meanwhile."""
    async with serve(Costly(), concurrency=256) as server:
        await answered(server, 1, b"[DONE]")  # what is made once, is made
        async with held() as loop:
            asking = asyncio.create_task(answered(server, 4, b"[DONE]"))
            one_more = await asyncio.to_thread(post, server, ONE_PROMPT, b"[DONE]")
            answers = await asking
        assert [answer.count(b'"finish_reason":"stop"') for answer in (one_more, *answers)] == [1, *[MANY] * 4]
        assert loop.longest < LONGEST_TURN_S


async def test_thousands_that_hang_up_hold_nobody_up(serve: Serve) -> None:
    """While they run and while they wait."""
    async with serve(engine := Costly(), concurrency=256) as server:
        await answered(server, 1, b"[DONE]")
        engine.seconds_a_token = 0.2
        async with held() as loop:
            await answered(server, 4, b'"text":"1"')
            await server.lifecycle.controller.empty.wait()
        assert server.lifecycle.controller.finished["aborted"] == 4 * MANY
        assert loop.longest < LONGEST_TURN_S
