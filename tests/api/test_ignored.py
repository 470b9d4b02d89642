"""Fields that nobody knows: ignored, and told to the client, to the metrics and to the log; or refused."""

import logging
from typing import Any

import httpx
import pytest

from sluice.telemetry.ignored import MOST_NAMES, IgnoredFields
from sluice.wire.ignored import MOST_IGNORED
from tests.api.wire import CHAT, TEXT
from tests.conftest import Serve
from tests.fake import FakeEngine

BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Count from 1 to 3.", "mood": "good"}]},
    TEXT: {"prompt": "Count from 1 to 3."},
}
NEW = {"model": "demo", "colour": "red", "stream_options": {"include_usage": True, "size": 1}, "stream": True}


@pytest.mark.parametrize("path", [CHAT, TEXT])
@pytest.mark.parametrize("stream", [True, False])
async def test_they_are_told_with_the_answer(serve: Serve, fake: FakeEngine, path: str, stream: bool) -> None:
    body = BODIES[path] | (NEW if stream else {"model": "demo", "colour": "red"})
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(path, json=body)
        assert answer.status_code == 200
        told = set(answer.headers["x-sluice-ignored"].split(", "))
        wanted = {"colour"} | ({"messages.mood"} if path == CHAT else set())
        assert told == wanted | ({"stream_options.size"} if stream else set())
        counted = (await client.get("/metrics")).text
        assert f"sluice_ignored_fields_total {float(len(told))}" in counted
        plain = await client.post(TEXT, json=BODIES[TEXT] | {"model": "demo"})
        assert "x-sluice-ignored" not in plain.headers


async def test_no_header_can_be_made_of_them(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url) as client:
        body = BODIES[TEXT] | {"model": "demo", "a\r\nset-cookie: b": 1, "ü": 1}
        body |= {f"k{number}" + "x" * 1000: 1 for number in range(100)}
        answer = await client.post(TEXT, json=body)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)
        told = answer.headers["x-sluice-ignored"].split(", ")
        assert (told[:2], len(told)) == (["a??set-cookie:?b", "?"], MOST_IGNORED)


@pytest.mark.parametrize("path", [CHAT, TEXT])
async def test_a_strict_server_refuses_them(serve: Serve, fake: FakeEngine, path: str) -> None:
    settings = {"http": {"strict_fields": True}}
    async with serve(fake, settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(path, json={"model": "demo"} | BODIES[path] | ({"mood": 1} if path == TEXT else {}))
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (400, "messages.mood" if path == CHAT else "mood")
        assert error["param"] in error["message"]
        known = {"model": "demo", "prompt": "1", "user": "me"}
        assert (await client.post(TEXT, json=known)).status_code == 200


def test_each_name_is_logged_once_and_not_all_that_clients_think_of(caplog: pytest.LogCaptureFixture) -> None:
    fields = IgnoredFields()
    with caplog.at_level(logging.WARNING, "sluice"):
        for number in range(2 * MOST_NAMES):
            fields.note([f"k{number}", "k0"])
    assert (len(caplog.records), len(fields.logged), fields.total) == (MOST_NAMES, MOST_NAMES, 4 * MOST_NAMES)
