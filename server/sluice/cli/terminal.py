"""What a person sees while the server starts: a spinner on a terminal, plain lines elsewhere."""

import os
from typing import Self

from rich.console import Console
from rich.status import Status

from sluice.stderr import unfailing


class Terminal:
    """`say` shows the latest step; the terminal's spinner turns until the server is ready."""

    def __init__(self) -> None:
        # A stderr of its own: the engine's loading redirects the common one.
        self.console = Console(file=unfailing(os.dup(2)), highlight=False, emoji=False)
        self.status: Status | None = self.console.status("Starting") if self.console.is_terminal else None

    def __enter__(self) -> Self:
        if self.status:
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status:
            self.status.stop()

    def say(self, line: str) -> None:
        if self.status and line.startswith("Loading"):
            self.status.update(line)
            return
        if self.status:
            self.status.stop()
        self.console.print(f"sluice: {line}", soft_wrap=True, markup=False)
