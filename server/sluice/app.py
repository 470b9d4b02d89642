"""The only place where things are wired."""

import os
import time
from collections.abc import Callable

from fastapi import FastAPI

from sluice.admission import AdmissionController, Tenants
from sluice.api.answering import generating
from sluice.api.auth import Auth
from sluice.api.errors import broken, method_not_allowed, not_found, refused
from sluice.api.intake import Intake
from sluice.api.operations import probes
from sluice.api.routes import routes
from sluice.engine.base import Engine
from sluice.errors import RequestError
from sluice.lifecycle import Lifecycle
from sluice.settings import Settings
from sluice.telemetry.latencies import Latencies


def create_app(settings: Settings, engine: Engine, clock: Callable[[], float] = time.monotonic) -> FastAPI:
    """The ASGI application. Its life cycle is `app.state.lifecycle`; whoever serves the app has to run it.

    `app.state.intake` is the handler for the requests that generate, which the app only documents. `app.state.apply`
    takes other settings, once the model is loaded.

    Raises Mistake for a key that cannot be found.
    """
    controller, latencies = AdmissionController(settings.traffic, clock), Latencies()
    tenants = Tenants(settings.tenants, os.environ, clock, settings.operators.keys)
    lifecycle = Lifecycle(engine, controller)
    intake = Intake(
        generating(engine, controller, latencies, settings, lifecycle.require_ready),
        controller=controller,
        tenants=tenants,
        latencies=latencies,
        http=settings.http,
        require_ready=lifecycle.require_ready,
    )
    app = FastAPI(
        title="Sluice",
        summary="A continuous-batching LLM server with an OpenAI-compatible API.",
        exception_handlers={404: not_found, 405: method_not_allowed, RequestError: refused, Exception: broken},
    )
    auth = Auth(tenants)
    app.include_router(routes(settings, auth, lifecycle.require_ready))
    app.include_router(probes(controller, auth, latencies, engine, lifecycle))

    def apply(settings: Settings) -> None:
        """Go by other limits and other keys from now on. Raises Mistake, and then has changed nothing."""
        batch = lifecycle.batch(settings.traffic)
        tenants.update(settings.tenants, os.environ, settings.operators.keys)
        controller.apply(settings.traffic, batch)

    app.state.controller, app.state.lifecycle, app.state.apply, app.state.intake = controller, lifecycle, apply, intake
    return app
