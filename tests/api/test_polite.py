"""A polite tenant beside a greedy one, in virtual time: its first token is as near as if it were alone."""

import hashlib

from sluice.app import create_app
from sluice.settings import Settings
from tests.api.raw import RawClient
from tests.fake import FakeEngine
from tests.test_lifecycle import counting
from tests.virtual import VirtualLoop

STEP = 0.01
"""Seconds that a token takes."""


def key(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def test_its_first_token_comes_within_twice_the_time_that_it_takes_alone() -> None:
    loop, engine = VirtualLoop(), FakeEngine(seconds_a_token=STEP)
    tenants = [{"name": name, "keys": [key(name)]} for name in ("greedy", "polite")]
    settings = Settings.model_validate({"traffic": {"concurrency": 16}, "tenants": tenants})
    app = create_app(settings, engine, clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())

    def first_token() -> float:
        """Ask as the polite tenant; seconds until its first token, its answer read to its end."""
        client, asked = (
            RawClient(counting(3) | {"n": 1, "max_tokens": 500}, {"x-api-key": "polite"}, halves=False),
            loop.time(),
        )
        client.ask(app.state.intake, loop)
        while b'"content":"1"' not in client.received:
            loop.advance(STEP / 10)
        waited = loop.time() - asked
        loop.advance(10 * STEP)
        assert client.verdict() == "whole"
        return waited

    alone = first_token()
    greedy = [
        RawClient(counting(100) | {"n": 1, "max_tokens": 500}, {"x-api-key": "greedy"}, halves=False)
        for _ in range(200)
    ]
    for client in greedy:
        client.ask(app.state.intake, loop)
    loop.advance(0.5)
    assert app.state.controller.scheduler.running == 16
    beside = [first_token() for _ in range(20)]
    assert max(beside) < 2 * alone
    assert app.state.controller.scheduler.paused_total == 20
    loop.advance(300)
    assert {client.verdict() for client in greedy} == {"whole"}  # each of the paused ones, too
    assert app.state.controller.scheduler.peak_running == 16
    loop.close()
