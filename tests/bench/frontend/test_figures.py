"""The figures of loads and rounds that are written down here."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from sluice.bench.figures import Latency
from sluice.bench.frontend.contenders import Contender, flags
from sluice.bench.frontend.figures import Figures
from sluice.bench.frontend.measure import Measured, Round
from sluice.bench.frontend.plan import Answers, Plan
from sluice.bench.frontend.quantities import quantities
from sluice.bench.frontend.report import document, table
from sluice.bench.frontend.usage import Usage
from sluice.bench.record import Attempt, Outcome, Request, Run

PLAN = Plan(model="demo", conns=2, tokens=4, words=3, route="chat", seconds=10, rounds=3)


def attempt(*token_times: float, tokens: int = 4, outcome: Outcome = "finished", status: int = 200) -> Attempt:
    """Asked half a second before its first token."""
    due = token_times[0] - 0.5 if token_times else 11.0
    return Attempt(due, due, due + 9, outcome, status, tokens, list(token_times))


def figures(*attempts: Attempt, cpu: float = 2, engine_cpu: float = 8) -> Figures | None:
    """Of a load that was measured from 10 to 20."""
    run = Run(0, 1, 8, 10, 20, [Request(0, [one]) for one in attempts], cpu=3.0)
    return Figures.of(run, 4, Usage(cpu, engine_cpu), memory=2**20)


def test_costs_are_those_of_the_tokens_that_came_meanwhile() -> None:
    found = figures(
        attempt(11, 12, 13, 14),
        attempt(8, 9, 10, 11),  # half of it came before
        attempt(19, 21),  # two events of two tokens each, one of them afterwards
        attempt(12, 13, tokens=2),
        attempt(12, 13, outcome="cut_off"),
        attempt(status=500, outcome="failed", tokens=0),
        attempt(status=0, outcome="unreachable", tokens=0),
    )
    assert found is not None
    assert (found.tokens_per_second, found.requests_per_second) == (0.8, 0.2)
    assert (found.cpu_per_token, found.cpu_per_request, found.engine_cpu_per_token) == (0.25, 1, 1)
    assert (found.bad, found.short) == (2, 2)
    assert found.events_per_token == pytest.approx(10 / 12)
    assert (found.seconds, found.generator_cpu, found.memory) == (10, 0.25, 2**20)


def test_an_event_may_carry_several_tokens() -> None:
    found = figures(attempt(11, 14), attempt(11, 11.1, 11.2, 11.6))
    assert found is not None
    assert found.first_token == Latency(2, 0.5, 0.5, 0.5)
    assert found.between_events is not None
    assert found.between_tokens is not None
    events, tokens = found.between_events, found.between_tokens
    assert [events.count, events.p50, events.p99] == pytest.approx([4, 0.1, 3])
    assert [tokens.count, tokens.p50, tokens.p99] == pytest.approx([2, 0.2, 1])


def test_where_nothing_whole_came_there_is_nothing_to_tell() -> None:
    assert figures(attempt(11, 12, tokens=2), attempt(21, 22)) is None
    assert figures() is None


def one(front_end: float, *, bad: bool = False) -> Figures:
    """A load with so many seconds of CPU."""
    extra = [attempt(status=500, outcome="failed")] if bad else []
    found = figures(attempt(11, 12, 13, 14), *extra, cpu=front_end)
    assert found is not None
    return found


@pytest.fixture
def measured() -> Measured:
    """Three rounds, the last of which was on a machine that had become ten times slower."""
    costs = ((1, 2), (2, 8), (30, 30))
    rounds = [
        Round(number, answers, {"Sluice": one(4 * mine, bad=True), "vLLM": one(4 * theirs)})
        for number, (mine, theirs) in enumerate(costs, 1)
        for answers in PLAN.loads
    ]
    return Measured(PLAN, [Contender(name, 1, [name]) for name in ("Sluice", "vLLM")], ["vLLM, Rust: gone"], rounds)


def test_ratios_compare_within_a_round(measured: Measured) -> None:
    cost = quantities(4)["cpu_per_token"]
    rounds = measured.of(PLAN.loads[0])
    assert (cost.value(rounds, "Sluice"), cost.value(rounds, "vLLM")) == (2, 8)
    assert cost.ratio(rounds, "Sluice", "vLLM") == 0.5
    assert quantities(4)["bad"].value(rounds, "Sluice") == 3, "all of them are told, not their median"
    assert "cpu_per_token" not in quantities(1)


def test_the_document_is_json_and_has_every_round(measured: Measured) -> None:
    written = json.loads(json.dumps(document(measured, datetime(2026, 1, 2, tzinfo=UTC), "sluice bench frontend")))
    assert {"machine", "vllm", "method"} <= set(written)
    assert (written["date"], written["command"]) == ("2026-01-02T00:00:00+00:00", "sluice bench frontend")
    assert (written["path"], written["body"]["max_tokens"]) == ("/v1/chat/completions", 4)
    assert (len(written["rounds"]), written["left_out"]) == (6, ["vLLM, Rust: gone"])
    long, short = written["loads"]
    assert (long["tokens"], short["tokens"]) == (4, 1)
    assert long["medians"]["vLLM"]["cpu_per_token"] == 8
    assert long["ratios"]["Sluice / vLLM"]["cpu_per_token"] == 0.5
    assert short["ratios"]["Sluice / vLLM"]["cpu_per_request"] == 0.5


def test_the_table_has_a_column_a_server_and_a_ratio(measured: Measured) -> None:
    console = Console(width=150, file=StringIO())
    with console.capture() as captured:
        console.print(table(measured))
    cells = [
        [cell.strip() for cell in line.strip("│┃").split(line[0])]
        for line in captured.get().splitlines()
        if line[:1] in "│┃"
    ]
    assert cells[0] == ["", "Sluice", "vLLM", "Sluice / vLLM"]
    assert ["front-end CPU a token, µs", "2000000.0", "8000000.0", "0.50"] in cells
    assert ["bad answers", "3", "0", ""] in cells
    assert [cell[0] for cell in cells if "answers of" in cell[0]] == [
        "answers of 4 tokens; 3 rounds", "answers of 1 token; 3 rounds",
    ]  # fmt: skip


def test_the_routes_are_openais() -> None:
    assert PLAN.loads == [Answers(4), Answers(1)]
    chat = PLAN.body(Answers(4))
    assert chat["messages"] == [{"role": "user", "content": "Count slowly from"}]
    other = Plan(model="demo", conns=1, tokens=1, words=14, route="completions", seconds=1, rounds=1)
    assert (other.path, other.loads) == ("/v1/completions", [Answers(1)])
    assert other.body(Answers(1))["prompt"].endswith("please now Count slowly")
    assert "messages" not in other.body(Answers(1))


def test_engine_arguments_become_flags() -> None:
    given = {"max_num_seqs": 4, "served_model_name": ["a", "b"], "enforce_eager": True, "async_scheduling": False}
    assert list(flags(given | {"compilation_config": {"mode": 0}})) == [
        "--max-num-seqs", "4", "--served-model-name", "a", "b", "--enforce-eager", "--no-async-scheduling",
        "--compilation-config", '{"mode": 0}',
    ]  # fmt: skip


def test_chats_are_also_read_and_told_in_times_of_plain_ones() -> None:
    plan = replace(PLAN, readings=["tools", "reasoning"])
    plain, tools, thinking, _ = plan.loads
    assert plan.body(tools).keys() - plan.body(plain).keys() == {"tools"}
    assert plan.body(thinking)["chat_template_kwargs"] == {"enable_thinking": True}
    assert replace(plan, route="completions").loads == PLAN.loads
    rounds = [
        Round(number, answers, {"Sluice": one(cost)})
        for number, costs in enumerate([(4, 5, 6), (8, 9, 8), (40, 100, 60)], 1)
        for answers, cost in zip(plan.loads, costs, strict=False)
    ]
    measured = Measured(plan, [Contender("Sluice", 1, [])], rounds=rounds)
    written = document(measured, datetime(2026, 1, 2, tzinfo=UTC), "")["loads"]
    assert [load["cpu_per_token_over_plain"] for load in written] == [None, {"Sluice": 1.25}, {"Sluice": 1.5}]
