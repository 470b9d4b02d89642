"""`sluice bench frontend`: Sluice beside vLLM's own servers."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.status import Status

from sluice.bench.frontend.chart import draw
from sluice.bench.frontend.contenders import everything_on, reading, sluice, vllm
from sluice.bench.frontend.measure import Measured, measure
from sluice.bench.frontend.plan import Plan, Reading, Route
from sluice.bench.frontend.report import document, table
from sluice.checked import checked
from sluice.cli.bench import command, prepare
from sluice.cli.options import Config, Set
from sluice.cli.watched import watched
from sluice.engine.vllm.launch import arguments
from sluice.errors import BenchFailed

Conns = Annotated[int, typer.Option(min=1, max=10_000, help="Streams at once.")]
Concurrency = Annotated[int | None, typer.Option(min=1, help="The batch size of every server. Default: all streams.")]
Tokens = Annotated[int, typer.Option(min=1, help="Of an answer; a second load has answers of 1 token.")]
Words = Annotated[int, typer.Option(min=1, help="Of the prompt.")]
RouteOption = Annotated[Route, typer.Option(help="Which of OpenAI's routes is asked.")]
Seconds = Annotated[float, typer.Option(min=1, max=3600, help="How long each load lasts.")]
Rounds = Annotated[int, typer.Option(min=1, max=1000, help="Rounds that count; one more warms up.")]
Rust = Annotated[Path | None, typer.Option(help="vLLM's Rust front end (vllm-rs), to compare with it, too.")]
Out = Annotated[Path, typer.Option(help="The folder for frontend.json, frontend.png and the servers' logs.")]


def frontend(
    config: Config = None,
    *,
    overrides: Set = [],  # noqa: B006 - typer copies it
    conns: Conns = 64,
    concurrency: Concurrency = None,
    tokens: Tokens = 128,
    words: Words = 12,
    route: RouteOption = "chat",
    seconds: Seconds = 10,
    rounds: Rounds = 5,
    rust: Rust = None,
    out: Out = Path("bench"),
) -> None:
    """Start Sluice and vLLM's own server, and compare what their front ends cost: CPU, latencies, memory."""
    given = [*overrides, *everything_on(conns, concurrency or conns)]
    settings, device = checked(config, given)
    tools, reasoning = settings.parsers
    same = arguments(settings, device) | reading(tools, reasoning)
    contenders = [sluice(config, given), vllm(same), *([vllm(same, rust)] if rust else [])]
    readings: list[Reading] = []
    if tools:
        readings.append("tools")
    if reasoning:
        readings.append("reasoning")
    plan = Plan(
        model=settings.names[0], conns=conns, tokens=tokens, words=words, route=route, seconds=seconds, rounds=rounds,
        readings=readings,
    )  # fmt: skip
    prepare(out)
    date = datetime.now().astimezone()

    async def measuring(stop: asyncio.Event, status: Status) -> Measured:
        def tell(line: str) -> None:
            status.console.print(f"sluice: {line}", soft_wrap=True, markup=False, highlight=False)

        return await measure(plan, contenders, out, stop, say=status.update, tell=tell)

    measured = uvloop.run(watched(measuring, "starting the servers"))
    (out / "frontend.json").write_text(json.dumps(document(measured, date, command([])), indent=2) + "\n")
    Console(width=None if sys.stdout.isatty() else 150).print(table(measured))
    print(f"All rounds are in {out / 'frontend.json'}.")
    draw(measured, out / "frontend.png")
    if measured.interrupted:
        raise BenchFailed("interrupted: not all rounds are there")
