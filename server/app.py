"""The only place where things are wired."""

import os
import time
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.middleware import Middleware

from server.admission import Desk, Tenants
from server.api.edge import Edge
from server.api.errors import broken, not_found, refused
from server.api.gate import Gate
from server.api.generating import generating
from server.api.probes import probes
from server.api.routes import routes
from server.engine.base import Engine
from server.errors import RequestError
from server.lifecycle import Lifecycle
from server.settings import Settings
from server.telemetry.times import Times


def create_app(settings: Settings, engine: Engine, clock: Callable[[], float] = time.monotonic) -> FastAPI:
    """The ASGI application. Its life cycle is `app.state.lifecycle`; whoever serves the app has to run it.

    `app.state.edge` is the door for the requests that generate, which the app only documents. `app.state.apply` takes
    other settings, once the model is loaded.

    Raises Mistake for a tenant's key that cannot be found.
    """
    desk, tenants, times = Desk(settings.traffic, clock), Tenants(settings.tenants, os.environ, clock), Times()
    lifecycle = Lifecycle(engine, desk)
    edge = Edge(
        generating(engine, desk, times, settings, lifecycle.require_ready), desk=desk, tenants=tenants, times=times,
        http=settings.http, require_ready=lifecycle.require_ready,
    )  # fmt: skip
    app = FastAPI(
        title="Sluice",
        summary="A continuous-batching LLM server with an OpenAI-compatible API.",
        middleware=[Middleware(Gate, tenants=tenants)],
        exception_handlers={404: not_found, 405: not_found, RequestError: refused, Exception: broken},
    )
    app.include_router(routes(settings, lifecycle.require_ready))
    app.include_router(probes(desk, tenants, times, engine, lifecycle))

    def apply(settings: Settings) -> None:
        """Go by other `traffic` and `tenants` from now on. Raises Mistake, and then has changed nothing."""
        batch = lifecycle.batch(settings.traffic)
        tenants.update(settings.tenants, os.environ)
        desk.apply(settings.traffic, batch)

    app.state.desk, app.state.lifecycle, app.state.apply, app.state.edge = desk, lifecycle, apply, edge
    return app
