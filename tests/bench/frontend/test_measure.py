"""Rounds over servers around the fake engine, and what is left of the servers afterwards."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from sluice.bench.frontend.contenders import Contender, free_port
from sluice.bench.frontend.measure import Measured, measure
from sluice.bench.frontend.plan import Plan, Route
from sluice.bench.frontend.process import Process
from sluice.errors import BenchFailed
from tests.process import ROOT


def plan(route: Route = "chat", rounds: int = 2, seconds: float = 0.5) -> Plan:
    return Plan(model="demo", conns=4, tokens=10, words=12, route=route, seconds=seconds, rounds=rounds)


def fake(name: str, seconds_a_token: float = 0.002) -> Contender:
    port = free_port()
    settings = json.dumps({"http": {"port": port}})
    engine = json.dumps({"seconds_a_token": seconds_a_token})
    return Contender(
        name, port, [sys.executable, "-m", "tests.serve_fake", settings, engine], {"PYTHONPATH": str(ROOT)}
    )


def broken(name: str, *command: str) -> Contender:
    return Contender(name, free_port(), command)


class Measuring:
    """Collects what is said, and sets `stop` when it says something that matches `stop_at`."""

    def __init__(self, logs: Path, stop_at: str = "never") -> None:
        self.logs, self.stop_at, self.stop = logs, stop_at, asyncio.Event()
        self.said: list[str] = []
        self.told: list[str] = []

    def say(self, line: object) -> None:
        self.said.append(str(line))
        if re.match(self.stop_at, str(line)):
            self.stop.set()

    def tell(self, line: object) -> None:
        self.told.append(str(line))

    async def run(self, plan: Plan, contenders: Sequence[Contender]) -> Measured:
        try:
            return await measure(plan, contenders, self.logs, self.stop, say=self.say, tell=self.tell)
        finally:
            for contender in contenders:
                assert not running(contender), f"{contender.name} was left running"


def running(contender: Contender) -> list[psutil.Process]:
    return [
        process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == list(contender.command)
    ]


async def test_rounds_take_turns_and_the_first_is_not_counted(tmp_path: Path) -> None:
    measuring = Measuring(tmp_path)
    measured = await measuring.run(plan(), [fake("Quick"), fake("Slow, one", seconds_a_token=0.02)])
    turns = [re.sub(", 4 streams of", "", line) for line in measuring.said if "streams" in line]
    assert [re.sub(r" tokens? for .*", "", line) for line in turns] == [
        "warming up: Quick 10", "warming up: Slow, one 10", "warming up: Quick 1", "warming up: Slow, one 1",
        "round 1 of 2: Slow, one 10", "round 1 of 2: Quick 10", "round 1 of 2: Slow, one 1", "round 1 of 2: Quick 1",
        "round 2 of 2: Quick 10", "round 2 of 2: Slow, one 10", "round 2 of 2: Quick 1", "round 2 of 2: Slow, one 1",
    ]  # fmt: skip
    assert [(one.number, one.answers.tokens) for one in measured.rounds] == [(1, 10), (1, 1), (2, 10), (2, 1)]
    assert list(measured.rounds[0].figures) == ["Slow, one", "Quick"]
    for one in measured.rounds:
        for found in one.figures.values():
            assert (found.bad, found.short) == (0, 0)
            assert found.memory > 10 * 2**20
            assert found.first_token is not None
            assert found.cpu_per_request == pytest.approx(one.answers.tokens * found.cpu_per_token)
            assert (found.between_tokens is None) == (one.answers.tokens == 1)
            assert found.engine_cpu_per_token == 0
    slow, quick = measured.rounds[0].figures["Slow, one"], measured.rounds[0].figures["Quick"]
    assert slow.between_tokens is not None
    assert slow.between_tokens.p50 > 0.015
    assert slow.tokens_per_second < quick.tokens_per_second
    assert (quick.events_per_token, quick.cpu_per_token > 0) == (1, True)
    assert not measured.interrupted
    assert "Ready" in (tmp_path / "slow-one.log").read_text()


async def test_completions_are_measured_too(tmp_path: Path) -> None:
    measured = await Measuring(tmp_path).run(plan("completions", rounds=1), [fake("Only")])
    assert [(one.answers.tokens, one.figures["Only"].events_per_token) for one in measured.rounds] == [(10, 1), (1, 1)]


async def test_who_cannot_be_started_is_left_out_in_one_line(tmp_path: Path) -> None:
    words = "import sys; print('ValueError: no such model'); print('ending\\n'); sys.exit(3)"
    measuring = Measuring(tmp_path)
    contenders = [
        broken("Ended", sys.executable, "-c", words),
        Contender("Rusty", free_port(), ["never"], binary=tmp_path / "vllm-rs"),
        broken("Absent", str(tmp_path / "nothing")),
        fake("Only"),
    ]
    measured = await measuring.run(plan(rounds=1), contenders)
    assert measuring.told == [f"left out: {reason}" for reason in measured.left_out]
    assert measured.left_out == [
        f"Ended ended with 3: ValueError: no such model ({tmp_path / 'ended.log'})",
        f"Rusty cannot be started: there is no file {tmp_path / 'vllm-rs'}",
        f"Absent cannot be started: No such file or directory: {tmp_path / 'nothing'}",
    ]
    assert [contender.name for contender in measured.servers] == ["Only"]
    assert list(measured.rounds[0].figures) == ["Only"]


async def test_who_answers_wrongly_is_left_out(tmp_path: Path) -> None:
    mine, theirs = fake("Mine"), fake("Theirs")
    measuring = Measuring(tmp_path)
    other = Plan(model="other", conns=1, tokens=5, words=1, route="chat", seconds=0.5, rounds=1)
    with pytest.raises(BenchFailed, match="no server is left to measure"):
        await measuring.run(other, [mine, theirs])
    assert len(measuring.told) == 2
    assert measuring.told[0].startswith("left out: Mine was asked for 5 tokens: 404 ")


async def test_a_stop_keeps_whole_rounds_and_leaves_no_server(tmp_path: Path) -> None:
    measuring = Measuring(tmp_path, stop_at="round 2 of 50: .* 1 token ")
    measured = await asyncio.wait_for(measuring.run(plan(rounds=50), [fake("One"), fake("Two")]), 60)
    assert [(one.number, one.answers.tokens) for one in measured.rounds] == [(1, 10), (1, 1), (2, 10)]
    assert measured.interrupted


async def test_a_stop_while_servers_start_measures_nothing(tmp_path: Path) -> None:
    measuring = Measuring(tmp_path, stop_at="starting One")
    with pytest.raises(BenchFailed, match="stopped before anything was measured"):
        await measuring.run(plan(), [fake("One"), fake("Two")])
    assert not (tmp_path / "two.log").exists()


async def test_a_server_that_dies_is_one_line_and_the_others_are_ended(tmp_path: Path) -> None:
    one, two = fake("One"), fake("Two")
    measuring = Measuring(tmp_path)

    async def kill() -> None:
        while not any("round 1" in line for line in measuring.said):  # noqa: ASYNC110 - it is told line by line
            await asyncio.sleep(0.02)
        for process in running(two):
            process.kill()

    killing = asyncio.create_task(kill())
    with pytest.raises(BenchFailed, match="Two ended with -9: "):
        await measuring.run(plan(rounds=50), [one, two])
    await killing


def test_what_does_not_end_by_itself_is_killed_with_its_children(tmp_path: Path) -> None:
    deaf = broken("Deaf", "sh", "-c", "trap '' TERM; sleep 1000 & echo up; wait; wait")
    with Process(deaf, tmp_path / "deaf.log", ending=0.5) as process:
        while "up" not in process.log.read_text():
            time.sleep(0.02)  # what another process says
        both = list(process.running())
    assert len(both) == 2
    assert psutil.wait_procs(both, timeout=5)[1] == []
