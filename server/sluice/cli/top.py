"""`sluice top`: a server's live figures in the terminal."""

from contextlib import suppress

from rich.console import Console
from rich.live import Live

from sluice.cli.options import AsJson, Key, Url
from sluice.client.board import board
from sluice.client.server import Server
from sluice.client.watching import watch


def top(url: Url = "http://127.0.0.1:8000", *, key: Key = None, as_json: AsJson = False) -> None:
    """Watch a server: seats, speed, latencies, refusals, until Ctrl-C. With --json a line a second; piped, one look."""
    console = Console(emoji=False, highlight=False)
    watching = watch(Server(url, key))
    with suppress(KeyboardInterrupt):
        if as_json:
            for each in watching:
                print(each.line, flush=True)
        elif not console.is_terminal or console.is_dumb_terminal:
            console.print(board(next(watching)))
        else:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                for each in watching:
                    live.update(board(each), refresh=True)
