"""The only place where things are wired."""

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from sluice.admission import AdmissionController, Tenants
from sluice.admission.tenants import Owners
from sluice.api.answering import Answering
from sluice.api.auth import Auth
from sluice.api.closing import Closing
from sluice.api.docs import docs
from sluice.api.endpoints import ENDPOINTS
from sluice.api.errors import broken, method_not_allowed, not_found, refused
from sluice.api.intake import Intake
from sluice.api.operations import operations
from sluice.api.page import page
from sluice.api.routes import routes
from sluice.api.tokenizing import TokenRoutes
from sluice.engine.base import Engine
from sluice.errors import RequestError
from sluice.lifecycle import Lifecycle
from sluice.live.feed import Feed
from sluice.live.sampler import Sampler
from sluice.live.status import Statuses
from sluice.settings import Settings
from sluice.telemetry.access_log import AccessLog
from sluice.telemetry.ignored import IgnoredFields
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.starts import Starts
from sluice.transport.cors import Cors
from sluice.transport.edge import Edge
from sluice.transport.record import Records
from sluice.wire.endpoint import Endpoint

LOG = logging.getLogger("sluice")
STDOUT = 1


class Application(FastAPI):
    """All that is asked of it passes what says that the server drains first, and an Edge."""

    def __init__(self, records: Records, is_draining: Callable[[], bool], **given: Any) -> None:
        super().__init__(**given)
        self.records, self.is_draining = records, is_draining

    def build_middleware_stack(self) -> ASGIApp:
        return Closing(Edge(super().build_middleware_stack(), self.records), self.is_draining)


def create_app(
    settings: Settings, engine: Engine, clock: Callable[[], float] = time.monotonic, *,
    endpoints: Sequence[Endpoint] = ENDPOINTS, announce: Callable[[str], None] = LOG.info,
    starts: Starts | None = None,
) -> FastAPI:  # fmt: skip
    """The ASGI application, for any server. Its lifespan loads the engine, watches it, and drains.

    `announce` gets a line for people at each step of its life; `starts` keeps how long a start takes. What serves it
    with less ado than ASGI finds `app.state.intake`, the Handler of the endpoints, and `app.state.lifecycle`;
    `app.state.apply` takes other settings, once the model is loaded.

    Raises Mistake for a key that cannot be found.
    """
    controller, latencies = AdmissionController(settings.traffic, clock), Latencies()
    tenants = Tenants(settings.tenants, os.environ, clock, settings.operators.keys)
    lifecycle = Lifecycle(engine, controller, announce, settings.engine, starts=starts)
    sampler = Sampler(controller, latencies, engine, time.time)
    feed = Feed(Statuses(settings, tenants, sampler, life=lifecycle))
    lifecycle.changed = feed.tell
    log = AccessLog(STDOUT)
    write = log.write if settings.http.access_log == "json" else None
    records = Records(write, cors=Cors(settings.http.cors_origins))
    ignored = IgnoredFields()
    answering = Answering(
        engine, controller, latencies, settings, require_loaded=lifecycle.require_loaded, ignored=ignored
    )  # fmt: skip
    intake = Intake(
        endpoints, answering.generate, controller=controller, tenants=tenants, latencies=latencies,
        http=settings.http, require_ready=lifecycle.require_ready, records=records,
    )  # fmt: skip

    app = Application(
        records,
        lambda: lifecycle.phase == "draining",
        title="Sluice",
        summary="A continuous-batching LLM server with OpenAI's and Anthropic's APIs.",
        lifespan=lambda _: living(lifecycle, feed, log),
        redirect_slashes=False,
        openapi_url=None,
        exception_handlers={404: not_found, 405: method_not_allowed, RequestError: refused, Exception: broken},
    )
    auth = Auth(tenants)
    require_ready = lifecycle.require_ready
    tokenizing = TokenRoutes(
        engine, answering, controller=controller, tenants=tenants, http=settings.http, require_ready=require_ready
    )
    app.include_router(
        routes(endpoints, intake, auth, settings, tokenizing=tokenizing, require_ready=require_ready, engine=engine)
    )
    app.include_router(docs(app.openapi, auth))
    app.include_router(operations(controller, auth, latencies, engine, health=lifecycle, feed=feed, own=(log, ignored)))
    app.include_router(page(auth))

    def apply(settings: Settings, owners: Owners) -> None:
        """Go by other limits and other keys from now on. Raises Mistake, and then has changed nothing."""
        batch = lifecycle.batch(settings.traffic)
        tenants.take(settings.tenants, owners)
        controller.apply(settings.traffic, batch)

    app.state.controller, app.state.lifecycle, app.state.intake, app.state.apply = controller, lifecycle, intake, apply
    return app


@asynccontextmanager
async def living(lifecycle: Lifecycle, feed: Feed, log: AccessLog) -> AsyncIterator[None]:
    """The application's lifespan."""
    # Or sse-starlette would cut every stream off on SIGTERM.
    AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]  # sse-starlette has no types there
    try:
        with feed.running():
            async with lifecycle.running():
                yield
    finally:
        log.stop()
