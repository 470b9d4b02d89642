"""The command line: one file a command. Exit codes: 0 fine, 2 a mistake in the settings, 1 anything else."""

import sys
import traceback

import typer

from sluice.cli import version
from sluice.cli.bench import bench
from sluice.cli.chat import chat
from sluice.cli.check import check
from sluice.cli.doctor import doctor
from sluice.cli.frontend import frontend
from sluice.cli.init import init
from sluice.cli.keys import keys
from sluice.cli.serve import serve
from sluice.cli.sweep import closed, opened
from sluice.cli.top import top
from sluice.errors import SettingsError, SluiceError, one_line
from sluice.stderr import tell, unfailing_stderr

DEBUG = "--debug"
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.callback()(version.main)
app.command()(serve)
app.command()(check)
app.command()(init)
app.command()(doctor)
app.command()(chat)
app.command()(top)
app.add_typer(keys, name="keys")
bench.command()(closed)
bench.command("open")(opened)
bench.command()(frontend)
app.add_typer(bench, name="bench")


def main() -> None:
    with unfailing_stderr():
        try:
            app()
        except SluiceError as error:
            if DEBUG in sys.argv:
                traceback.print_exc()
            tell(str(error))
            sys.exit(2 if isinstance(error, SettingsError) else 1)
        except Exception as error:
            if DEBUG in sys.argv:
                raise
            tell(f"{type(error).__name__}: {one_line(error)}; with {DEBUG} it says where")
            sys.exit(1)
