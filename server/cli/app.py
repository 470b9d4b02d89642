"""The command line: one file a command. Exit codes: 0 fine, 2 a mistake in the settings, 1 anything else."""

import sys

import typer

from server.cli.bench import bench
from server.cli.check import check
from server.cli.frontend import frontend
from server.cli.keys import keys
from server.cli.serve import serve
from server.errors import BenchFailed, SettingsError

app = typer.Typer(
    help="Sluice: a continuous-batching LLM server.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
app.command()(serve)
app.command()(check)
app.add_typer(keys, name="keys")
bench.command()(frontend)
app.add_typer(bench, name="bench")


def main() -> None:
    try:
        app()
    except SettingsError as error:
        print(f"sluice: {error}", file=sys.stderr)
        sys.exit(2)
    except BenchFailed as error:
        print(f"sluice: {error}", file=sys.stderr)
        sys.exit(1)
