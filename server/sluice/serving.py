"""`sluice serve`'s HTTP server: uvicorn on a listener of our own, the signals, and the accelerator."""

import asyncio
import math
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware

from sluice.app import create_app
from sluice.engine.base import Engine
from sluice.heap import collapse, freeze
from sluice.lifecycle import Lifecycle
from sluice.reload import Reload
from sluice.settings import Settings, Traffic
from sluice.transport.http1 import Http1Protocol
from sluice.transport.uvicorn import AcceleratedProtocol

UNSENT_BYTES = 16 * 1024
"""What the kernel holds of a connection beyond what the client has room for; by default it is megabytes."""
TCP_NOTSENT_LOWAT = 25  # Linux; Python has no name for it
CLOSING_S = 5
"""What connections get to close in once the drain is over."""
KNOWN_LAYERS = (ServerErrorMiddleware, ExceptionMiddleware, AsyncExitStackMiddleware)
"""FastAPI's own, around every application."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would close the connections before the drain is over."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: Settings) -> socket.socket:
    """The open port. Its connections inherit what makes a client that does not read noticed, and forgotten."""
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    listener = socket.create_server((settings.http.host, settings.http.port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    forget_the_deaf(listener, settings.traffic)
    return listener


def forget_the_deaf(listener: socket.socket, traffic: Traffic) -> None:
    """Let the kernel close connections, from the next one on, whose client reads nothing.

    It waits twice as long as a request's own deadline, which so comes first and books what has happened.
    """
    milliseconds = math.ceil(2000 * (traffic.send_timeout or 0))  # 0: the kernel's own
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


async def serve(
    settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str],
    *, listener: socket.socket, announce: Callable[[str], None],
) -> int:  # fmt: skip
    """Serve until a signal or a failure; returns the exit code. `config` and `overrides` are read again on changes."""
    app = create_app(settings, engine, announce=announce)
    lifecycle: Lifecycle = app.state.lifecycle

    def apply(changed: Settings) -> None:
        app.state.apply(changed)
        forget_the_deaf(listener, changed.traffic)

    reload = Reload(settings, config, overrides, loaded=lifecycle.loaded, apply=apply, announce=announce)
    meanwhile = [asyncio.create_task(reload.watch()), asyncio.create_task(settle(lifecycle.loaded))]
    try:
        return await run(app, settings, listener, announce)
    finally:
        for task in meanwhile:
            task.cancel()


async def run(app: FastAPI, settings: Settings, listener: socket.socket, announce: Callable[[str], None]) -> int:
    """Serve the application until SIGTERM, SIGINT or a failure, and drain; a second signal hurries."""
    lifecycle: Lifecycle = app.state.lifecycle
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        (lifecycle.hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, interrupt)
    server = Server(
        uvicorn.Config(
            app, loop="none", http=protocol(app, settings, announce), ws="none", lifespan="on", log_level="warning",
            access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=CLOSING_S,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waits = [asyncio.create_task(event.wait()) for event in (stop, lifecycle.failed)]
    await asyncio.wait((serving, *waits), return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await lifecycle.drain()
    server.should_exit = True
    await serving
    return 1 if lifecycle.phase == "failed" else 0


def protocol(app: FastAPI, settings: Settings, announce: Callable[[str], None]) -> type[Http1Protocol]:
    """uvicorn's HTTP protocol: the accelerated one, unless it would go past something that wants to see requests."""
    if not settings.http.accelerate:
        return Http1Protocol.with_handler(app.state.intake)
    foreign = [layer.__name__ for layer in layers(app) if layer not in KNOWN_LAYERS]
    if foreign:
        announce(f"Not accelerated: requests have to pass {', '.join(foreign)}")
        return Http1Protocol.with_handler(app.state.intake)
    return AcceleratedProtocol.with_handler(app.state.intake)


def layers(app: FastAPI) -> Iterator[type]:
    """The kinds of middleware around the application, whoever put them there."""
    layer: Any = app.build_middleware_stack()
    while layer is not app.router:
        yield type(layer)
        layer = getattr(layer, "app", app.router)


async def settle(loaded: asyncio.Event) -> None:
    """Once the model is loaded, make its modules and all else that stays cheap to have."""
    await loaded.wait()
    freeze()
    await asyncio.to_thread(collapse)
