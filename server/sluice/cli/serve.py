"""`sluice serve`: the server itself."""

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from sluice import serving
from sluice.checked import checked
from sluice.cli.options import Config, Debug, Set
from sluice.cli.terminal import Terminal
from sluice.engine.base import Engine, ModelInfo
from sluice.engine.devices import Machine
from sluice.engine.vllm.engine import VLLMEngine
from sluice.listeners import free_port, listen, url, where
from sluice.settings import Settings
from sluice.stderr import tell
from sluice.telemetry.starts import Starts, cache_folder, key_of
from sluice.welcome import examples, facts


def serve(config: Config = None, overrides: Set = [], debug: Debug = False) -> None:  # noqa: B006 - typer copies it
    """Load the model and serve it until SIGTERM."""
    settings, device = checked(config, overrides)
    engine = VLLMEngine(settings, device, debug)
    # All is closed by then. The interpreter's own end would take seconds for vLLM's modules, or crash in their import.
    starts = Starts(cache_folder(os.environ), key_of(settings.model_path, settings.engine, device))
    os._exit(run(settings, engine, config, overrides, starts))


def run(
    settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str], starts: Starts | None = None
) -> int:
    """Open the port, and serve until the end; returns the exit code. `config` and `overrides` are read again.

    `starts`: where it is kept how long the engine takes.
    """
    try:
        listeners = listen(settings)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        tell(f"cannot listen on {settings.http.host}:{settings.http.port}: {reason}{instead(error)}")
        return 1
    with ExitStack() as opened, Terminal() as terminal:
        for listener in listeners:
            opened.enter_context(listener)
        terminal.say(f"{where(listeners[0])}; {settings.names[0]} is being loaded")
        address = url(listeners[0])

        def ready(model: ModelInfo) -> None:
            device = Machine.look().device(settings.engine)
            terminal.welcome(facts(settings, model, device, address), examples(settings, model, address))

        return uvloop.run(
            serving.serve(
                settings, engine, config, overrides, listeners=listeners, announce=terminal.say, ready=ready,
                starts=starts,
            )
        )  # fmt: skip


def instead(error: OSError) -> str:
    """What to do about a port that is taken, or that only root may have."""
    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return ""
    return f"; --set http.port={free_port()} is free, and `sluice doctor` says who has it"
