"""A client without a socket: the ASGI calls of one request; its body, its reading and its end are in our hands."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from starlette.types import ASGIApp, Message

from server.streaming.protocol import CONNECTION
from tests.fake import answer

Verdict = Literal["whole", "refused", "broken off", "cut off", "hung up"]


class RawClient:
    """As uvicorn calls the app: `send` waits while nobody reads, and does nothing once the client has gone."""

    def __init__(self, body: dict[str, Any], headers: dict[str, str], halves: bool) -> None:
        """`halves`: the second half of the body comes with `finish_body`."""
        self.body, self.headers = body, headers
        raw = json.dumps(body).encode()
        self.parts = [raw[:20], raw[20:]] if halves else [raw]
        self.sent = self.sending = 0
        self.may_send = asyncio.Event()
        self.reads, self.over = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.gone = self.blocked = self.was_cut = self.complete = False
        self.status = 0
        self.on_lost: Callable[[], None] | None = None
        self.received = b""

    def ask(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions", "query_string": b"", "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "extensions": {CONNECTION: self},
        }  # fmt: skip
        self.task: asyncio.Task[None] = loop.create_task(app(scope, self.receive, self.send))  # type: ignore[arg-type]

    async def receive(self) -> Message:
        while self.parts and not self.over.is_set():
            if self.sent and not self.may_send.is_set():
                waits = [asyncio.ensure_future(event.wait()) for event in (self.may_send, self.over)]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                continue
            self.sent += 1
            return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}
        await self.over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sending += 1
        try:
            await self.reads.wait()
        except asyncio.CancelledError:
            self.was_cut = True
            raise
        finally:
            self.sending -= 1
        if self.gone:
            return
        assert not self.complete, "more after the end"
        self.status = message.get("status", self.status)
        self.received += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
            self.over.set()

    def read(self) -> None:
        """As of `server.streaming.protocol.Connection`: the body has not come yet."""

    def write(self, body: bytes) -> bool:
        """As of `server.streaming.protocol.Connection`, like `on_lost`."""
        if self.gone or not self.reads.is_set():
            return False
        assert not self.complete, "more after the end"
        self.received += body
        return True

    def finish_body(self) -> None:
        self.may_send.set()

    def stop_reading(self) -> None:
        if not self.gone:
            self.reads.clear()

    def read_on(self) -> None:
        self.reads.set()

    def hang_up(self) -> None:
        if not self.complete:
            self.gone = True
            self.over.set()
            self.reads.set()
            if self.on_lost is not None:
                self.on_lost()

    def verdict(self) -> Verdict:
        """How it ended. Raises AssertionError if it is none of the ways in which a request may end."""
        self.task.result()
        if self.gone:
            return "hung up"
        if not self.complete:
            assert self.was_cut, "the answer has no end, although the client would have read it"
            assert b"[DONE]" not in self.received
            return "cut off"
        if self.status != 200:
            assert self.status in {400, 401, 408, 429, 503}, self.received
            assert set(json.loads(self.received)) == {"error"}
            return "refused"
        if not self.body["stream"]:
            choices = json.loads(self.received)["choices"]
            self.check([choice["message"]["content"] for choice in choices])
            return "whole"
        *events, end = self.received.decode().split("\n\n")
        assert end == ""
        events = [event.removeprefix("data: ") for event in events if event != ": ping"]
        if events[-1] != "[DONE]":
            assert set(json.loads(events[-1])) == {"error"}
            assert "[DONE]" not in events
            return "broken off"
        texts = [""] * self.body["n"]
        for event in events[:-1]:
            for choice in json.loads(event)["choices"]:
                texts[choice["index"]] += choice["delta"].get("content", "")
        self.check(texts)
        return "whole"

    def check(self, texts: list[str]) -> None:
        prompt = self.body["messages"][0]["content"]
        assert texts == ["".join(answer(prompt)[: self.body["max_tokens"]])] * self.body["n"]
