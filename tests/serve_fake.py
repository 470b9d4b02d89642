"""`sluice serve` around the fake engine: `python -m tests.serve_fake SETTINGS ENGINE`, both in JSON.

SIGUSR1 kills the engine; SIGUSR2 lets it finish its loading, if it was told to wait there.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from server.cli.serve import run
from server.engine.base import Loading, ModelInfo
from server.settings import Settings
from tests.fake import FakeEngine


class Directed(FakeEngine):
    def __init__(self, waits: bool = False, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        if waits:
            self.loaded.clear()

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.die)
        loop.add_signal_handler(signal.SIGUSR2, self.loaded.set)
        return await super().start(report)


if __name__ == "__main__":
    settings, behaviour = map(json.loads, sys.argv[1:])
    os._exit(run(Settings.model_validate(settings), Directed(**behaviour)))  # as `sluice serve` ends
