"""The app in virtual time and without sockets: what is asked here does not depend on how fast the machine is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Scope

from sluice.app import create_app
from sluice.settings import Settings
from sluice.transport.base import Headers
from tests.api.raw import RawClient
from tests.fake import FakeEngine
from tests.virtual import VirtualLoop


class Asking(RawClient):
    """Keeps the headers of a whole answer, too."""

    def __init__(self, body: dict[str, Any], headers: dict[str, str], halves: bool) -> None:
        super().__init__(body, headers, halves)
        self.answered_with: Headers = []

    def ask_app(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        self.ask(app.state.intake, loop)

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.answered_with = headers
        super().answer(status, headers, body)

    def header(self, name: str) -> str:
        return dict(self.answered_with)[name.encode()].decode()

    def content(self) -> Any:
        """The answer's body, or the last event of its stream."""
        events = self.received.decode().strip().split("\n\n")
        return json.loads(events[-1].removeprefix("data: "))

    def error(self) -> tuple[int, str, str | None]:
        error = self.content()["error"]
        return self.status, error["type"], error["code"]


class AskingOverAsgi(Asking):
    """As an ASGI server: `send` waits while nobody reads."""

    def ask_app(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": self.path, "raw_path": self.path.encode(), "root_path": "", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in self.said.items()], "server": ("sluice", 80),
        }  # fmt: skip
        self.task = loop.create_task(app(scope, self.receive, self.send))
        self.task.add_done_callback(lambda _: self.left.set())

    async def send(self, message: Message) -> None:
        await self.drain()
        if message["type"] == "http.response.start":
            self.status, self.answered_with = message["status"], list(message["headers"])
            return
        self.put(message.get("body", b""))
        if not message.get("more_body", False):
            self.complete()


class InTime:
    def __init__(self, transport: str, engine: FakeEngine, settings: dict[str, Any]) -> None:
        self.client = AskingOverAsgi if transport == "asgi" else Asking
        self.loop, self.engine = VirtualLoop(), engine
        self.app = create_app(Settings.model_validate(settings), engine, clock=self.loop.time)
        self.controller = self.app.state.controller
        self.asking: list[Asking] = []
        self.loop.run_until_complete(self.app.state.lifecycle.load())

    def ask(self, body: dict[str, Any], headers: dict[str, str] | None = None, halves: bool = False) -> Asking:
        """Ask, and do all that can be done at once. `halves`: the rest of the body comes with `finish_body`."""
        client = self.client({"n": 1, "max_tokens": 500} | body, headers or {}, halves)
        client.ask_app(self.app, self.loop)
        self.asking.append(client)
        self.loop.settle()
        return client

    def advance(self, seconds: float) -> None:
        self.loop.advance(seconds)
        self.loop.settle()

    def inside(self) -> tuple[int, int, int]:
        """Admitted, running and waiting."""
        scheduler = self.controller.scheduler
        return self.controller.seats.taken, scheduler.running, scheduler.waiting

    def empty(self) -> None:
        """Let everyone leave, as they may, and see that nothing is left of them."""
        self.engine.going.set()
        self.advance(1000)
        for client in self.asking:
            client.verdict()
        assert (self.inside(), self.engine.live) == ((0, 0, 0), {})

    def close(self) -> None:
        """sse-starlette leaves a task that looks for the end of the server."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.wait(left)) if left else None
        self.loop.close()


Start = Callable[..., AbstractContextManager[InTime]]


def starting(transport: str) -> Start:
    """`with start(engine, settings, concurrency=8) as server`: the app around the engine, empty in the end."""

    @contextmanager
    def start(
        engine: FakeEngine | None = None, settings: dict[str, Any] | None = None, **traffic: Any
    ) -> Iterator[InTime]:
        server = InTime(transport, engine or FakeEngine(), {"traffic": traffic} | (settings or {}))
        try:
            yield server
            server.empty()
        finally:
            server.close()

    return start
