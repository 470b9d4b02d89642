"""docs/clients.md: what each client has done against a live Sluice."""

from datetime import UTC, datetime

from tests.clients.client import Run
from tests.process import ROOT

PAGE = ROOT / "docs" / "clients.md"
HEAD = """\
# Clients

Other people's clients, unchanged, each in an environment of its own, against a live `sluice serve` with the embedded
model. `make test-clients` runs them again and writes this page; [tests/clients](../tests/clients) has their scripts and
pins. Where the model knows the answer, it is compared to the letter. A coding agent's whole prompt is longer than what
it was trained on: there the turn has to end as the agent wants it, whatever it says.

| client | version | what was done | result |
| --- | --- | --- | --- |
"""


def page(runs: list[Run]) -> str:
    """Of what has failed it tells how far it came."""
    rows = [
        f"| {run.client.name} | {run.version} | {'; '.join(run.did)} | {'passed' if run.passed else '**failed**'} |\n"
        for run in runs
    ]
    return HEAD + "".join(rows) + f"\nRun on {datetime.now(UTC):%Y-%m-%d} with `python -m tests.clients`.\n"


def table(runs: list[Run]) -> str:
    """For a terminal."""
    rows = [
        ("passed" if run.passed else "FAILED", f"{run.seconds:4.0f} s", run.client.name, run.version) for run in runs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(map(str.rstrip, lines))
