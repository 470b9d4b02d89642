"""`sluice bench closed` and `sluice bench open`: a server at several loads."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from sluice.bench.plan import Plan
from sluice.bench.report import sweep_document, sweep_table
from sluice.bench.sweep import Loop, sweep
from sluice.bench.sweep_chart import draw
from sluice.cli.bench import Keys, Model, Prompt, Retries, Seconds, Timeout, Tokens, command, numbers, prepare
from sluice.cli.options import AsJson, Url
from sluice.cli.watched import watched
from sluice.errors import BenchFailed

ClientCounts = Annotated[str, typer.Option(help="How many clients there are, at each load.")]
Rates = Annotated[str, typer.Option(help="Requests a second, at each load.")]
Out = Annotated[Path, typer.Option(help="The folder for the JSON and the PNG.")]


def closed(
    url: Url, *, clients: ClientCounts = "1,2,4,8,16,32", model: Model = None, seconds: Seconds = 10,
    prompt: Prompt = "Count from 1 to 100.", tokens: Tokens = 64, timeout: Timeout = 60,
    keys: Keys = [], out: Out = Path("bench"), as_json: AsJson = False,  # noqa: B006 - typer copies it
) -> None:  # fmt: skip
    """Clients that ask again as soon as they have their answer: goodput and latencies for each number of them."""
    sizes = numbers(clients, "--clients", most=10_000)
    plan = Plan(
        multiples=(), seconds=seconds, clients=1, saturation=None, model=model, prompt=prompt, tokens=tokens,
        retries=0, timeout=timeout, keys=keys,
    )  # fmt: skip
    measure(url, "closed", sizes, plan, out=out, as_json=as_json)


def opened(
    url: Url, *, rates: Rates = "1,2,4,8", model: Model = None, seconds: Seconds = 10,
    prompt: Prompt = "Count from 1 to 100.", tokens: Tokens = 64, retries: Retries = 0, timeout: Timeout = 60,
    keys: Keys = [], out: Out = Path("bench"), as_json: AsJson = False,  # noqa: B006 - typer copies it
) -> None:  # fmt: skip
    """Requests that arrive at a rate, whatever becomes of those before: goodput, refusals and latencies for each."""
    sizes = numbers(rates, "--rates", most=10_000)
    plan = Plan(
        multiples=(), seconds=seconds, clients=1, saturation=None, model=model, prompt=prompt, tokens=tokens,
        retries=retries, timeout=timeout, keys=keys,
    )  # fmt: skip
    measure(url, "open", sizes, plan, out=out, as_json=as_json)


def measure(url: str, loop: Loop, sizes: Sequence[float], plan: Plan, *, out: Path, as_json: bool) -> None:
    prepare(out)
    date, keys = datetime.now().astimezone(), plan.keys
    measured = uvloop.run(
        watched(lambda stop, status: sweep(url, loop, sizes, plan, stop=stop, say=status.update), "saying hello")
    )
    written = json.dumps(sweep_document(measured, date, command(keys)), indent=2)
    (out / f"{loop}.json").write_text(f"{written}\n")
    if as_json:
        print(written)
    else:
        Console(width=None if sys.stdout.isatty() else 150).print(sweep_table(measured.steps, loop))
        print(f"All figures are in {out / f'{loop}.json'}.")
    draw(measured.steps, loop, url, out / f"{loop}.png")
    if measured.load.stop.is_set():
        raise BenchFailed("interrupted: the last load was shorter than the others")
