"""`sluice bench`: a server, measured from the outside."""

import json
import resource
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from sluice.bench.chart import draw
from sluice.bench.overload import measure
from sluice.bench.plan import Plan
from sluice.bench.report import document, table
from sluice.cli.options import AsJson, Url
from sluice.cli.watched import watched
from sluice.errors import BenchFailed

bench = typer.Typer(help="Measure a server from the outside.", no_args_is_help=True)

Model = Annotated[str | None, typer.Option(help="Default: the first that the server names.")]
Multiples = Annotated[str, typer.Option(help="The loads, as multiples of saturation.")]
Seconds = Annotated[float, typer.Option(min=1, max=3600, help="How long each load lasts.")]
Clients = Annotated[int, typer.Option(min=1, max=10_000, help="How many clients find saturation.")]
Saturation = Annotated[float | None, typer.Option(min=0.01, help="Requests a second that are 1×. Default: found.")]
Prompt = Annotated[str, typer.Option(help="What is asked.")]
Tokens = Annotated[int, typer.Option(min=1, help="max_tokens; all answers are that long where ignore_eos is known.")]
Retries = Annotated[int, typer.Option(min=0, max=10, help="How often a refused client tries again.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds that an attempt may take.")]
Keys = Annotated[list[str], typer.Option("--key", metavar="KEY", help="A tenant's API key; again for each tenant.")]
Out = Annotated[Path, typer.Option(help="The folder for overload.json and overload.png.")]


@bench.callback()
def group() -> None: ...


@bench.command()
def overload(
    url: Url,
    *,
    model: Model = None,
    multiples: Multiples = "0.5,1,2,5,10",
    seconds: Seconds = 10,
    clients: Clients = 32,
    saturation: Saturation = None,
    prompt: Prompt = "Count from 1 to 100.",
    tokens: Tokens = 64,
    retries: Retries = 0,
    timeout: Timeout = 60,
    keys: Keys = [],  # noqa: B006 - typer copies it
    out: Out = Path("bench"),
    as_json: AsJson = False,
) -> None:
    """Load a server up to 10 times what it can serve: goodput, refusals, latencies, retries, fairness."""
    plan = Plan(
        multiples=numbers(multiples), seconds=seconds, clients=clients, saturation=saturation, model=model,
        prompt=prompt, tokens=tokens, retries=retries, timeout=timeout, keys=keys,
    )  # fmt: skip
    prepare(out)
    date = datetime.now().astimezone()
    measured = uvloop.run(watched(lambda stop, status: measure(url, plan, stop, status.update), "saying hello"))
    written = document(measured, date, command(keys))
    (out / "overload.json").write_text(json.dumps(written, indent=2) + "\n")
    if as_json:
        print(json.dumps(written, indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 150).print(table(measured.levels))
        print(f"1× is {measured.saturation:.2f} requests a second. All figures are in {out / 'overload.json'}.")
    draw(measured.levels, f"{url}, 1× is {measured.saturation:.1f} requests a second", out / "overload.png")
    if measured.load.stop.is_set():
        raise BenchFailed("interrupted: the last load was shorter than the others")


def prepare(out: Path) -> None:
    """The folder, and a connection for each request that is inside the server."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchFailed(f"{out}: {error.strerror}") from None
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def numbers(text: str, option: str = "--multiples", most: float = 100) -> Sequence[float]:
    """Raises BenchFailed, which names the option."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(0 < value <= most for value in values):
        raise BenchFailed(f"{option} {text}: write numbers up to {most:g}, such as 0.5,1,2,5,10")
    return values


def command(keys: Sequence[str]) -> str:
    """The command line that was given, without the keys."""
    line = shlex.join(["sluice", *sys.argv[1:]])
    for key in sorted(keys, key=len, reverse=True):
        line = line.replace(key, "KEY")
    return line
