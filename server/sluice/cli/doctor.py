"""`sluice doctor`: what is wrong with this machine, and how to mend it."""

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.text import Text

from sluice.cli.options import AsJson, Config, Set
from sluice.doctor.examination import examine
from sluice.settings import load

STYLES = {"fine": "green", "mind": "yellow", "wrong": "bold red"}


def doctor(config: Config = None, overrides: Set = [], as_json: AsJson = False) -> None:  # noqa: B006 - typer copies it
    """Look at this machine: Python, torch, GPU, driver, memory, the hub, the port, vLLM. Exit 1 if one is wrong."""
    settings = load(config, overrides)
    findings, out = [], Console(highlight=False, emoji=False)
    with Console(stderr=True).status("looking around") as status:
        for finding in examine(settings.http, status.update):
            findings.append(finding)
            if not as_json:
                line = Text.assemble((f"{finding.state:5}", STYLES[finding.state]), f"  {finding.name}: {finding.says}")
                out.print(line.append(f" → {finding.mend}" if finding.mend else ""), soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
