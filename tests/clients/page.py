"""docs/clients.md: what each client has done against a live Sluice."""

from datetime import UTC, datetime

from tests.clients.client import Run
from tests.process import ROOT

PAGE = ROOT / "docs" / "clients.md"
HEAD = """\
# Clients

Other people's clients, unchanged, each in an environment of its own, against a live `sluice serve` with the embedded
model. `make test-clients` runs them again and writes this page; [tests/clients](../tests/clients) has their scripts and
pins.

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
