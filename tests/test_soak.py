"""The soak, for seconds and with the fake engine: nothing is wrong, and what is wrong is found."""

import json
from pathlib import Path

import pytest

from tests.process import started
from tests.soak.asks import Ask, Wrong
from tests.soak.faults import FAKE
from tests.soak.report import write
from tests.soak.run import soak

SETTINGS = {
    "http.port": 0, "traffic.concurrency": 8, "traffic.max_concurrency": 20, "engine.restarts": 1000,
}  # fmt: skip


async def test_nothing_is_lost_and_nothing_is_left(tmp_path: Path) -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps({"seconds_a_token": 0.002})) as server:
        await server.readiness("ready")
        result = await soak(server, FAKE, minutes=0.15, every=1.5, seed=1, seats=20)
    assert result.complaints() == []
    assert len(result.faults) > 1
    assert {"complete", "harmed", "refused with 429"} <= set(result.tally.outcomes)
    write(result, "a test", tmp_path)
    assert "Nothing was wrong." in (tmp_path / "soak.md").read_text()


CHAT = Ask("/v1/chat/completions", {"stream": True}, "1 2")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('data: {"choices":[{"index":0,"delta":{"content":"1 3"}}]}\n\ndata: [DONE]\n\n', "is not '1 2'"),
        ('data: {"choices":[{"index":0,"delta":{"content":"1 2"}}]}\n\n', "is not complete"),
        ('data: {"error":{"message":"Hm."}}\n\ndata: [DONE]\n\n', "ended with an error"),
    ],
)
def test_a_wrong_answer_is_found(answer: str, told: str) -> None:
    with pytest.raises(Wrong, match=told):
        CHAT.check(answer)


def test_a_right_answer_is_none() -> None:
    CHAT.check('data: {"choices":[{"index":0,"delta":{"content":"1 2"}}]}\n\n: ping\n\ndata: [DONE]\n\n')
