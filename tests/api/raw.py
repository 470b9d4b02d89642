"""A client without a socket: the Connection of one request; its body, its reading and its end are in our hands."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from starlette.types import Message

from sluice.errors import Disconnected, RequestError
from sluice.transport.base import Handler, Headers
from tests.fake import CONTEXT, answer

Verdict = Literal["whole", "refused", "broken off", "cut off", "hung up"]


PATHS = {"prompt": "/v1/completions", "input": "/v1/embeddings"}
"""By a field that only the bodies for one of them have."""


class RawClient:
    """As uvicorn's: `drain` waits while nobody reads, and nothing is sent once the client has gone."""

    def __init__(self, body: dict[str, Any], headers: dict[str, str], halves: bool) -> None:
        """`halves`: the second half of the body comes with `finish_body`."""
        self.body, self.said = body, headers
        self.path = next((path for field, path in PATHS.items() if field in body), "/v1/chat/completions")
        raw = json.dumps(body).encode()
        self.parts = [raw[:20], raw[20:]] if halves else [raw]
        self.sent = 0
        self.may_send, self.may_send_some = asyncio.Event(), asyncio.Event()
        self.reads, self.over, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.is_last = self.gone = self.was_cut = self.is_complete = False
        self.status = 0
        self.task: asyncio.Task[None] | None = None
        self.on_complete: Callable[[], None] | None = None
        self.on_lost: Callable[[RequestError], None] | None = None
        self.received = b""

    def ask(self, handler: Handler, loop: asyncio.AbstractEventLoop) -> None:
        """As uvicorn does it, through AcceleratedProtocol."""
        self.headers = [(name.encode(), value.encode()) for name, value in self.said.items()]
        self.record = handler.records.open({"method": "POST", "path": self.path, "headers": self.headers})
        request = handler.enter(self.path, self)
        if request is not None:
            self.on_complete = request.leave
            self.task = loop.create_task(request.serve())
            self.task.add_done_callback(lambda _: request.leave())
            self.task.add_done_callback(lambda _: self.left.set())
        else:
            self.left.set()

    async def receive(self) -> Message:
        while self.parts and not self.over.is_set():
            if self.sent and not self.may_send.is_set() and not self.may_send_some.is_set():
                events = (self.may_send, self.may_send_some, self.over)
                waits = [asyncio.ensure_future(event.wait()) for event in events]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                continue
            self.sent += 1
            self.may_send_some.clear()
            return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}
        await self.over.wait()
        return {"type": "http.disconnect"}

    @property
    def has_begun(self) -> bool:
        return self.status != 0

    def read(self) -> None:
        """The body has not come yet."""

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.put(body)
        self.complete()

    def begin(self, headers: Headers, body: bytes) -> None:
        self.status = 200
        self.put(body)

    def put(self, body: bytes) -> None:
        assert not self.is_complete, "more after the end"
        if not self.gone:
            self.received += body

    def write(self, body: bytes) -> bool:
        if self.gone or not self.reads.is_set():
            return False
        self.put(body)
        return True

    async def drain(self) -> None:
        try:
            await self.reads.wait()
        except asyncio.CancelledError:
            self.was_cut = True
            raise

    def taken(self) -> int:
        return len(self.received)

    def end(self, body: bytes) -> None:
        self.put(body)
        self.complete()

    def complete(self) -> None:
        if not self.gone:
            self.is_complete = True
            self.over.set()
            if self.on_complete is not None:
                self.on_complete()

    def finish_body(self) -> None:
        self.may_send.set()

    def send_some(self, size: int) -> None:
        """That many bytes of what is left of the body, or all if it is less."""
        left = self.parts.pop(0)
        self.parts = [left[:size], left[size:]] if size < len(left) else [left]
        self.may_send_some.set()

    def stop_reading(self) -> None:
        if not self.gone:
            self.reads.clear()

    def read_on(self) -> None:
        self.reads.set()

    def hang_up(self) -> None:
        if not self.is_complete:
            self.gone = True
            self.over.set()
            self.reads.set()
            if self.on_lost is not None:
                self.on_lost(Disconnected("The client closed the connection."))

    def verdict(self) -> Verdict:
        """How it ended. Raises AssertionError if it is none of the ways in which a request may end."""
        assert self.left.is_set()
        if self.task is not None:
            self.task.result()
        if self.gone:
            return "hung up"
        if not self.is_complete:
            assert self.was_cut, "the answer has no end, although the client would have read it"
            assert b"[DONE]" not in self.received
            return "cut off"
        if self.status != 200:
            assert self.status in {400, 401, 408, 429, 503}, self.received
            assert set(json.loads(self.received)) == {"error"}
            return "refused"
        if "input" in self.body:
            assert len(json.loads(self.received)["data"]) == len(self.body["input"])
            return "whole"
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
        room = CONTEXT - len(prompt)
        most = min(self.body["max_tokens"] or room, room)
        assert texts == ["".join(answer(prompt)[:most])] * self.body["n"]
