"""`sluice serve`: the server itself."""

import asyncio
import math
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
import uvloop

from sluice.app import create_app
from sluice.cli.checked import checked
from sluice.cli.options import Config, Set
from sluice.cli.terminal import Terminal
from sluice.engine.base import Engine
from sluice.engine.vllm.engine import VLLMEngine
from sluice.heap import collapse, freeze
from sluice.lifecycle import Lifecycle, Server
from sluice.reload import Reload
from sluice.settings import Settings, Traffic
from sluice.transport.uvicorn import AcceleratedProtocol

UNSENT_BYTES = 16 * 1024
"""What the kernel holds of a connection beyond what the client has room for; by default it is megabytes."""
TCP_NOTSENT_LOWAT = 25  # Linux; Python has no name for it


def serve(config: Config = None, overrides: Set = []) -> None:  # noqa: B006 - typer copies it
    """Load the model and serve it until SIGTERM."""
    settings, device = checked(config, overrides)
    engine = VLLMEngine(settings, device)
    # All is closed by then. The interpreter's own end would take seconds for vLLM's modules, or crash in their import.
    os._exit(run(settings, engine, config, overrides))


def run(settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str]) -> int:
    """Open the port, and serve until the end; returns the exit code. `config` and `overrides` are read again."""
    try:
        listener = listen(settings)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        print(f"sluice: cannot listen on {settings.http.host}:{settings.http.port}: {reason}", file=sys.stderr)
        return 1
    with listener, Terminal() as terminal:
        host, port = listener.getsockname()[:2]
        terminal.say(f"http://{host}:{port} is open; {settings.names[0]} is being loaded")
        return uvloop.run(answer(settings, engine, config, overrides, listener=listener, terminal=terminal))


def listen(settings: Settings) -> socket.socket:
    """The open port. Its connections inherit what makes a client that does not read noticed, and forgotten."""
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    listener = socket.create_server((settings.http.host, settings.http.port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    forget_the_deaf(listener, settings.traffic)
    return listener


def forget_the_deaf(listener: socket.socket, traffic: Traffic) -> None:
    """Let the kernel close connections, from the next one on, whose client reads nothing for `send_timeout`."""
    milliseconds = math.ceil(1000 * (traffic.send_timeout or 0))  # 0: the kernel's own
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


async def answer(
    settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str],
    *, listener: socket.socket, terminal: Terminal,
) -> int:  # fmt: skip
    app = create_app(settings, engine)
    lifecycle: Lifecycle = app.state.lifecycle

    def apply(changed: Settings) -> None:
        app.state.apply(changed)
        forget_the_deaf(listener, changed.traffic)

    reload = Reload(settings, config, overrides, loaded=lifecycle.loaded, apply=apply, announce=terminal.say)
    watching = asyncio.create_task(reload.watch())
    settling = asyncio.create_task(settle(lifecycle.loaded))
    serving = uvicorn.Config(
        app, loop="none", http=AcceleratedProtocol.behind(app.state.edge), ws="none", lifespan="off",
        log_level="warning", access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    try:
        return await lifecycle.run(Server(serving), listener, terminal.say)
    finally:
        watching.cancel()
        settling.cancel()


async def settle(loaded: asyncio.Event) -> None:
    """Once the model is loaded, make its modules and all else that stays cheap to have."""
    await loaded.wait()
    freeze()
    await asyncio.to_thread(collapse)
