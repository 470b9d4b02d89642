"""`sluice bench closed` and `sluice bench open` as a user calls them, on Sluice around the fake engine."""

import json
from pathlib import Path
from typing import Any

from tests.cli.command import sluice
from tests.cli.test_bench import PNG, SETTINGS, rows
from tests.process import started

ENGINE = {"seconds_a_token": 0.01}
COMMON = ("--seconds", "2", "--tokens", "20")


async def test_a_closed_loop_tells_what_each_number_of_clients_gets(tmp_path: Path) -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps(ENGINE)) as server:
        await server.readiness("ready")
        code, shown, err = await sluice(
            "bench", "closed", server.url, "--clients", "1,4", *COMMON, "--out", str(tmp_path)
        )
    assert (code, err) == (0, "")
    written = json.loads((tmp_path / "closed.json").read_text())
    one, four = written["steps"]
    assert (written["loop"], one["clients"], four["clients"]) == ("closed", 1, 4)
    assert 2 * one["goodput"] < four["goodput"] <= 4 / ENGINE["seconds_a_token"]
    for step in (one, four):
        assert set(step["outcomes"]) <= {"finished"}
        assert 0.005 < step["inter_token"]["p50"] < step["first_token"]["p50"] + 0.05 < step["admitted"]["p50"]
    table = rows(shown)
    assert table["clients"] == ["1", "4"]
    assert {"goodput, tokens a second", "first token", "between tokens", "whole answer"} <= set(table)
    assert (tmp_path / "closed.png").read_bytes().startswith(PNG)


async def test_an_open_loop_tells_what_each_rate_gets_as_json(tmp_path: Path) -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps(ENGINE)) as server:
        await server.readiness("ready")
        code, shown, err = await sluice(
            "bench", "open", server.url, "--rates", "3,100", *COMMON, "--out", str(tmp_path), "--json"
        )
    assert (code, err) == (0, "")
    told: Any = json.loads(shown)
    assert told == json.loads((tmp_path / "open.json").read_text())
    few, many = told["steps"]
    assert (few["requests_per_second"], set(few["outcomes"])) == (3, {"finished"})
    assert many["outcomes"]["refused"] > many["outcomes"]["finished"]
    assert (tmp_path / "open.png").read_bytes().startswith(PNG)


async def test_no_number_is_one_line_and_exit_1(tmp_path: Path) -> None:
    result = await sluice("bench", "open", "http://127.0.0.1:9", "--rates", "x", "--out", str(tmp_path))
    assert result == (1, "", "sluice: --rates x: write numbers up to 10000, such as 0.5,1,2,5,10\n")
