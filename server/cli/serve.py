"""`sluice serve`: the server itself."""

import math
import os
import socket
import sys

import uvicorn
import uvloop

from server.admission import Tenants
from server.app import create_app
from server.cli.options import Config, Set
from server.cli.terminal import Terminal
from server.engine.base import Engine
from server.engine.devices import Machine
from server.engine.package import check_extra
from server.engine.vllm import VLLMEngine
from server.lifecycle import Server
from server.settings import Settings, load

UNSENT_BYTES = 16 * 1024
"""What the kernel holds of a connection beyond what the client has room for; by default it is megabytes."""
TCP_NOTSENT_LOWAT = 25  # Linux; Python has no name for it


def serve(config: Config = None, overrides: Set = []) -> None:  # noqa: B006 - typer copies it
    """Load the model and serve it until SIGTERM."""
    settings = load(config, overrides)
    machine = Machine.look()
    machine.check(settings)
    check_extra(settings.engine.extra)
    Tenants(settings.tenants, os.environ)
    engine = VLLMEngine(settings, machine.device(settings.engine))
    # All is closed by then. The interpreter's own end would take seconds for vLLM's modules, or crash in their import.
    os._exit(run(settings, engine))


def run(settings: Settings, engine: Engine) -> int:
    """Open the port, and serve until the end; returns the exit code."""
    try:
        listener = listen(settings)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        print(f"sluice: cannot listen on {settings.http.host}:{settings.http.port}: {reason}", file=sys.stderr)
        return 1
    with listener, Terminal() as terminal:
        host, port = listener.getsockname()[:2]
        terminal.say(f"http://{host}:{port} is open; {settings.names[0]} is being loaded")
        return uvloop.run(answer(settings, engine, listener, terminal))


def listen(settings: Settings) -> socket.socket:
    """The open port. Its connections inherit what makes a client that does not read noticed, and forgotten."""
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    listener = socket.create_server((settings.http.host, settings.http.port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    if settings.traffic.send_timeout is not None:
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, math.ceil(1000 * settings.traffic.send_timeout)
        )
    return listener


async def answer(settings: Settings, engine: Engine, listener: socket.socket, terminal: Terminal) -> int:
    app = create_app(settings, engine)
    config = uvicorn.Config(
        app, loop="none", http="httptools", ws="none", lifespan="off", log_level="warning", access_log=False,
        server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    code: int = await app.state.lifecycle.run(Server(config), listener, terminal.say)
    return code
