"""`sluice serve`'s HTTP server: uvicorn on listeners of our own, the signals, and the accelerator."""

import asyncio
import resource
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
from starlette.types import Receive, Scope, Send

from sluice.api.closing import Closing
from sluice.api.errors import form_for, to_reply, to_response
from sluice.app import create_app
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import Unavailable
from sluice.heap import collapse, freeze
from sluice.lifecycle import Lifecycle
from sluice.reload import Reload
from sluice.settings import Http, Settings
from sluice.telemetry.starts import Starts
from sluice.transport.connections import Connections
from sluice.transport.edge import Edge
from sluice.transport.kept import KeptProtocol
from sluice.transport.record import Records
from sluice.transport.unread import cut_the_deaf
from sluice.transport.uvicorn import AcceleratedProtocol

CLOSING_S = 1
"""What connections get to close in once the drain is over."""
SPARE_DESCRIPTORS = 256
"""For all that is no client's connection: the engine's sockets and files, and the reserve for probes."""
KNOWN_LAYERS = (Edge, ServerErrorMiddleware, ExceptionMiddleware, AsyncExitStackMiddleware, Closing)
"""Ours, and FastAPI's own, around every application."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would close the connections before the drain is over."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    settings: Settings, engine: Engine, config: Path | None, overrides: Sequence[str],
    *, listeners: Sequence[socket.socket], announce: Callable[[str], None], ready: Callable[[ModelInfo], None],
    starts: Starts | None = None,
) -> int:  # fmt: skip
    """Serve until a signal or a failure; returns the exit code. `config` and `overrides` are read again on changes.

    `ready` is called once the model is loaded, on a thread.
    """
    app = create_app(settings, engine, announce=announce, starts=starts)
    lifecycle: Lifecycle = app.state.lifecycle
    reload = Reload(settings, config, overrides, loaded=lifecycle.loaded, apply=app.state.apply, announce=announce)
    meanwhile = [asyncio.create_task(task) for task in (reload.watch(), settle(lifecycle), greet(lifecycle, ready))]
    try:
        return await run(app, settings, listeners, announce)
    finally:
        for task in meanwhile:
            task.cancel()


async def run(
    app: FastAPI, settings: Settings, listeners: Sequence[socket.socket], announce: Callable[[str], None]
) -> int:
    """Serve the application until SIGTERM, SIGINT or a failure, and drain; a second signal hurries."""
    lifecycle: Lifecycle = app.state.lifecycle
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        (lifecycle.hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, interrupt)
    connections = connections_of(settings.http, app.state.intake.records)
    http = protocol(app, settings, announce).with_handler(app.state.intake, connections)
    server = Server(
        uvicorn.Config(
            app, loop="none", http=http, ws="none", lifespan="on", log_level="warning", access_log=False,
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=2 * CLOSING_S,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve(sockets=list(listeners)))
    cutting = asyncio.create_task(cut_the_deaf(connections.open, lambda: app.state.controller.traffic.send_timeout))
    waits = [asyncio.create_task(event.wait()) for event in (stop, lifecycle.failed)]
    await asyncio.wait((serving, *waits), return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    connections.drain()
    await lifecycle.drain()
    server.should_exit = True
    loop.call_later(CLOSING_S, connections.cut)
    await serving
    cutting.cancel()
    return lifecycle.exit_code


def connections_of(http: Http, records: Records) -> Connections:
    refusal = Unavailable("All connections are busy (http.max_connections).", code="max_connections", retry_after=1)

    async def full(scope: Scope, receive: Receive, send: Send) -> None:
        await to_response(to_reply(refusal, form_for(scope)))(scope, receive, send)

    return Connections(http, room=connection_room(), full=Edge(full, records))


def connection_room() -> int:
    """How many connections there are descriptors for. Raises the limit on them as far as this process may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(most - SPARE_DESCRIPTORS, most // 2)


def protocol(app: FastAPI, settings: Settings, announce: Callable[[str], None]) -> type[KeptProtocol]:
    """The accelerated one, unless it would go past something that wants to see requests."""
    foreign = [layer.__name__ for layer in layers(app) if layer not in KNOWN_LAYERS]
    app.state.intake.is_alone = not foreign
    if not settings.http.accelerate:
        return KeptProtocol
    if foreign:
        announce(f"Not accelerated: requests have to pass {', '.join(foreign)}")
        return KeptProtocol
    return AcceleratedProtocol


def layers(app: FastAPI) -> Iterator[type]:
    """The kinds of middleware around the application, whoever put them there."""
    layer: Any = app.build_middleware_stack()
    while layer is not app.router:
        yield type(layer)
        layer = getattr(layer, "app", app.router)


async def greet(lifecycle: Lifecycle, ready: Callable[[ModelInfo], None]) -> None:
    await lifecycle.loaded.wait()
    assert lifecycle.model is not None, "it is loaded"
    await asyncio.to_thread(ready, lifecycle.model)


async def settle(lifecycle: Lifecycle) -> None:
    """Once the model is loaded, make its modules and all else that stays cheap to have; again for each engine."""
    await lifecycle.loaded.wait()
    while True:
        freeze()
        await asyncio.to_thread(collapse)
        await lifecycle.recovered.wait()
        lifecycle.recovered.clear()
