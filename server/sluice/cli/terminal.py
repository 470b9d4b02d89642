"""What a person sees while the server starts: a spinner and a panel on a terminal, plain lines elsewhere."""

import os
from collections.abc import Mapping
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

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

    def welcome(self, facts: Mapping[str, str], examples: Mapping[str, str]) -> None:
        """On a terminal. What is to be copied has no frame, or that would be copied, too."""
        if self.status is None:
            return
        table = Table.grid(padding=(0, 2))
        for name, told in facts.items():
            table.add_row(Text(name, style="dim"), Text(told))
        self.console.print(Panel(table, title="Sluice is ready", expand=False))
        for name, text in examples.items():
            self.console.print(f"{name}:", style="dim", markup=False)
            self.console.print(f"{text}\n", soft_wrap=True, markup=False)

    def say(self, line: str) -> None:
        if self.status and line.startswith("Loading"):
            self.status.update(line)
            return
        if self.status:
            self.status.stop()
        self.console.print(f"sluice: {line}", soft_wrap=True, markup=False)
