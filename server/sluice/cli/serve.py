"""`sluice serve`: the server itself."""

import os
from collections.abc import Sequence
from pathlib import Path

import uvloop

from sluice import serving
from sluice.checked import checked
from sluice.cli.options import Config, Set
from sluice.cli.terminal import Terminal
from sluice.engine.base import Engine
from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings
from sluice.stderr import tell


def serve(config: Config = None, overrides: Set = []) -> None:  # noqa: B006 - typer copies it
    """Load the model and serve it until SIGTERM."""
    settings, device = checked(config, overrides)
    engine = VLLMEngine(settings, device)
    # All is closed by then. The interpreter's own end would take seconds for vLLM's modules, or crash in their import.
    os._exit(run(settings, engine, config, overrides))


def run(settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str]) -> int:
    """Open the port, and serve until the end; returns the exit code. `config` and `overrides` are read again."""
    try:
        listener = serving.listen(settings)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        tell(f"cannot listen on {settings.http.host}:{settings.http.port}: {reason}")
        return 1
    with listener, Terminal() as terminal:
        host, port = listener.getsockname()[:2]
        terminal.say(f"http://{host}:{port} is open; {settings.names[0]} is being loaded")
        return uvloop.run(serving.serve(settings, engine, config, overrides, listener=listener, announce=terminal.say))
