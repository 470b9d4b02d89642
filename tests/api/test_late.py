"""A server that is late all the time, in virtual time: nothing is lost, whichever way an answer ends."""

import asyncio
import json

import pytest

from sluice.app import create_app
from sluice.engine.base import Receiver, Rendered, Sampling
from sluice.settings import Settings
from tests.api.raw import RawClient
from tests.fake import FakeEngine, FakeSequence, answer
from tests.test_lifecycle import counting
from tests.virtual import VirtualLoop

STEP = 0.002
"""Seconds that a token takes: less than one may be held for."""


class LateEngine(FakeEngine):
    """Always has more already; `last` is the sequence that it was given last."""

    def __init__(self) -> None:
        super().__init__(seconds_a_token=STEP)
        self.pace.is_late = True

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        self.last = super().submit(sequence_id, prompt, sampling, receiver, adapter)
        return self.last


def text_of(received: bytes) -> str:
    events = [event.removeprefix("data: ") for event in received.decode().split("\n\n") if "choices" in event]
    return "".join(choice["delta"].get("content", "") for event in events for choice in json.loads(event)["choices"])


@pytest.mark.parametrize("coalesce", ["off", "auto"])
@pytest.mark.parametrize("end", ["by itself", "its time is over", "its client hangs up"])
def test_all_that_was_made_was_sent_before_the_end(coalesce: str, end: str) -> None:
    loop, engine = VirtualLoop(), LateEngine()
    timeout = 0.0195 if end == "its time is over" else 60  # tokens are held then, until 0.021
    settings = {"traffic": {"timeout": timeout}, "streaming": {"coalesce": coalesce}}
    app = create_app(Settings.model_validate(settings), engine, clock=loop.time)
    loop.run_until_complete(app.state.lifecycle.load())
    client = RawClient(counting(60) | {"n": 1, "max_tokens": 500}, {}, halves=False)
    client.ask(app.state.intake, loop)
    loop.advance(0.0196)
    if end == "its client hangs up":
        client.hang_up()
    loop.advance(1)
    loop.settle()
    assert client.verdict() == {"by itself": "whole", "its time is over": "broken off"}.get(end, "hung up")
    if end != "its client hangs up":
        assert engine.last.made > 5
        assert text_of(client.received) == "".join(answer("Count from 1 to 60")[: engine.last.made])
    assert app.state.controller.seats.taken == 0
    assert asyncio.all_tasks(loop) == set()
    loop.close()
