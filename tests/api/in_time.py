"""The app in virtual time and without sockets: what is asked here does not depend on how fast the machine is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sluice.app import create_app
from sluice.settings import Settings
from sluice.transport.base import Headers

from tests.api.raw import RawClient
from tests.fake import FakeEngine
from tests.virtual import VirtualLoop


class Asking(RawClient):
    """Keeps the headers of a whole answer, too."""

    head: Headers

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.head = headers
        super().answer(status, headers, body)

    def header(self, name: str) -> str:
        return dict(self.head)[name.encode()].decode()

    def content(self) -> Any:
        """The answer's body, or the last event of its stream."""
        events = self.received.decode().strip().split("\n\n")
        return json.loads(events[-1].removeprefix("data: "))

    def error(self) -> tuple[int, str, str | None]:
        error = self.content()["error"]
        return self.status, error["type"], error["code"]


class InTime:
    def __init__(self, engine: FakeEngine, settings: dict[str, Any]) -> None:
        self.loop, self.engine = VirtualLoop(), engine
        self.app = create_app(Settings.model_validate(settings), engine, clock=self.loop.time)
        self.controller = self.app.state.controller
        self.asking: list[Asking] = []
        self.loop.run_until_complete(self.app.state.lifecycle.load())

    def ask(self, body: dict[str, Any], headers: dict[str, str] | None = None, halves: bool = False) -> Asking:
        """Ask, and do all that can be done at once. `halves`: the rest of the body comes with `finish_body`."""
        client = Asking({"n": 1, "max_tokens": 500} | body, headers or {}, halves)
        client.ask(self.app.state.intake, self.loop)
        self.asking.append(client)
        self.loop.settle()
        return client

    def advance(self, seconds: float) -> None:
        self.loop.advance(seconds)
        self.loop.settle()

    def inside(self) -> tuple[int, int, int]:
        """Admitted, running and waiting."""
        return self.controller.seats.taken, self.controller.scheduler.running, self.controller.scheduler.waiting


@contextmanager
def in_time(
    engine: FakeEngine | None = None, settings: dict[str, Any] | None = None, **traffic: Any
) -> Iterator[InTime]:
    """The app around the engine. Afterwards everyone has left, as they may, and nothing is left of them."""
    server = InTime(engine or FakeEngine(), {"traffic": traffic} | (settings or {}))
    try:
        yield server
        server.engine.going.set()
        server.advance(1000)
        for client in server.asking:
            client.verdict()
        assert (server.inside(), server.engine.live) == ((0, 0, 0), {})
    finally:
        server.loop.close()
