"""The rounds as a table and as a JSON document."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table

from sluice.bench.frontend import __doc__ as method
from sluice.bench.frontend.measure import Measured
from sluice.bench.frontend.plan import Answers
from sluice.bench.frontend.quantities import PER_TOKEN, quantities
from sluice.bench.frontend.vllm_serve import version
from sluice.bench.report import machine


def table(measured: Measured) -> Table:
    """A column a server and a ratio, a section a length of the answers, a row a quantity."""
    names = [server.name for server in measured.servers]
    shown = Table(title=f"{measured.plan.conns} streams at once, medians of the rounds")
    shown.add_column("")
    for name in [*names, *(f"{names[0]} / {peer}" for peer in names[1:])]:
        shown.add_column(name, justify="right")
    for answers in measured.loads:
        rounds = measured.of(answers)
        shown.add_section()
        shown.add_row(f"[bold]answers of {answers}; {count(len(rounds), 'round')}")
        if answers.are_read:
            over = over_plain(measured, answers)
            shown.add_row("front-end CPU a token / plain", *(f"{over[name]:.2f}" for name in names))
        for quantity in quantities(answers.tokens).values():
            values = [quantity.show(quantity.value(rounds, name)) for name in names]
            ratios = [quantity.ratio(rounds, names[0], peer) for peer in names[1:]]
            if any(values):
                shown.add_row(quantity.label, *values, *("" if one is None else f"{one:.2f}" for one in ratios))
    return shown


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def document(measured: Measured, date: datetime, command: str) -> dict[str, Any]:
    """All there is to know about the measurement; times in seconds, memory in bytes."""
    plan = measured.plan
    return {
        "date": date.isoformat(timespec="seconds"),
        "machine": machine(),
        "vllm": version("vllm"),
        "command": command,
        "plan": asdict(plan),
        "path": plan.path,
        "body": plan.body(plan.loads[0]),
        "servers": {server.name: list(server.command) for server in measured.servers},
        "left_out": measured.left_out,
        "interrupted": measured.interrupted,
        "method": method,
        "loads": [load(measured, answers) for answers in measured.loads],
        "rounds": [asdict(one) for one in measured.rounds],
    }


def over_plain(measured: Measured, answers: Answers) -> dict[str, float]:
    """By server: the CPU a token in times of what plain answers cost it."""
    rounds, plain = measured.of(answers), measured.of(measured.loads[0])
    return {server.name: PER_TOKEN["cpu_per_token"].times(rounds, plain, server.name) for server in measured.servers}


def load(measured: Measured, answers: Answers) -> dict[str, Any]:
    """Values over the rounds, and the ratios of the first server to each other one."""
    rounds, told = measured.of(answers), quantities(answers.tokens)
    first, *peers = (server.name for server in measured.servers)
    return {
        **asdict(answers),
        "rounds": len(rounds),
        "cpu_per_token_over_plain": over_plain(measured, answers) if answers.are_read else None,
        "medians": {
            name: {key: quantity.value(rounds, name) for key, quantity in told.items()} for name in (first, *peers)
        },
        "ratios": {
            f"{first} / {peer}": {
                key: quantity.ratio(rounds, first, peer) for key, quantity in told.items() if quantity.is_compared
            }
            for peer in peers
        },
    }
