"""`sluice top` as a user has it: on a terminal, in a pipe and as JSON, with a server around the fake engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sluice.client.board import both, duration, sparkline
from tests.cli.command import exit_status, sluice, terminal
from tests.process import Process, started
from tests.served import OPERATORS

SETTINGS = {"http": {"port": 0}, "traffic": {"concurrency": 2, "max_concurrency": 4}}
LONG = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 1500"}]}


@pytest.fixture
async def server() -> AsyncIterator[Process]:
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps({"seconds_a_token": 0.02})) as process:
        await process.readiness("ready")
        yield process


async def test_a_terminal_shows_what_happens(server: Process) -> None:
    async with httpx.AsyncClient(base_url=f"{server.url}/v1/", timeout=120) as client:
        asking = [asyncio.create_task(client.post("chat/completions", json=LONG)) for _ in range(3)]
        await server.has(running=2, waiting=1)
        refused = [await client.post("chat/completions", json=LONG | {"n": 4}) for _ in range(2)]

        def look() -> None:
            with terminal("top", server.url) as top:
                top.expect("ready.*demo.*up")
                top.expect("3 of 4")
                top.expect("running.*2 of 2.*waiting.*1.*1 interactive")
                top.expect(r"tokens a second.*[1-9]\d+")
                top.expect("refused.*2 max_concurrency")
                top.sendintr()
                assert exit_status(top) == 0

        await asyncio.to_thread(look)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    assert [answer.status_code for answer in refused] == [429, 429]


async def test_a_pipe_gets_one_look(server: Process) -> None:
    code, out, err = await sluice("top", server.url)
    assert (code, err) == (0, "")
    assert "ready  demo  up" in out
    assert "0 of 4" in out


async def test_json_is_a_line_each_second_until_the_server_ends(server: Process) -> None:
    asked = asyncio.create_task(sluice("top", server.url, "--json"))
    await server.has(viewers=1)
    server.process.terminate()
    code, out, err = await asked
    told: list[Any] = [json.loads(line) for line in out.splitlines()]
    assert (code, err, told[0]["phase"], told[0]["concurrency"]) == (0, "", "ready", 2)
    assert told[-1]["phase"] == "draining"


async def test_what_is_wrong_is_one_line_and_exit_1(server: Process) -> None:
    code, out, err = await sluice("top", "http://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert err.startswith("sluice: http://127.0.0.1:9 cannot be reached: ")
    async with started("tests.serve_fake", json.dumps(SETTINGS | OPERATORS), "{}") as locked:
        code, out, err = await sluice("top", locked.url)
        assert (code, out) == (1, "")
        assert err.startswith(f"sluice: {locked.url}/status/events: 401 ")
        code, out, _ = await sluice("top", locked.url, env={"SLUICE_API_KEY": "sk-operator"})
        assert (code, "of 4" in out) == (0, True)


def test_figures_are_short() -> None:
    assert [duration(seconds) for seconds in (5, 65, 3700)] == ["5 s", "1m 05s", "1h 01m"]
    assert sparkline([0, 7, 14]) == "▁▅█"
    assert (both(None, None), both(0.0123, 0.5)) == ("–", "12 / 500 ms")
