"""`sluice serve` around the fake engine: `python -m tests.serve_fake SETTINGS ENGINE [FILE]`.

SETTINGS and ENGINE are JSON; SETTINGS come before the file, as with --set.

SIGUSR1 kills the engine; SIGUSR2 lets it finish its loading, if it was told to wait there, each time.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluice.cli.serve import run
from sluice.engine.base import Loading, ModelInfo
from sluice.settings import load
from sluice.stderr import unfailing_stderr
from tests.fake import FakeEngine


class Directed(FakeEngine):
    def __init__(self, waits: bool = False, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        self.waits = waits
        if waits:
            self.loaded.clear()

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.die)
        loop.add_signal_handler(signal.SIGUSR2, self.loaded.set)
        return await super().start(report)

    def die(self) -> None:
        if self.waits:
            self.loaded.clear()
        super().die()


if __name__ == "__main__":
    settings, behaviour = map(json.loads, sys.argv[1:3])
    file = next(map(Path, sys.argv[3:]), None)
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    with unfailing_stderr():
        os._exit(run(load(file, overrides), Directed(**behaviour), file, overrides))  # as `sluice serve` ends
