"""The only place where things are wired."""

from fastapi import FastAPI
from fastapi.middleware import Middleware
from sse_starlette.sse import AppStatus

from server.admission import Desk
from server.api.edge import Edge
from server.api.errors import internal_error, not_found
from server.api.probes import probes
from server.api.routes import routes
from server.engine.base import Engine
from server.lifecycle import Lifecycle
from server.settings import Settings


def create_app(settings: Settings, engine: Engine) -> FastAPI:
    """The ASGI application. Its life cycle is `app.state.lifecycle`; whoever serves the app has to run it."""
    AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]
    traffic = settings.traffic
    desk = Desk(traffic.concurrency, traffic.max_concurrency)
    lifecycle = Lifecycle(engine, desk, traffic.drain_timeout)
    app = FastAPI(
        title="Sluice",
        summary="A continuous-batching LLM server with an OpenAI-compatible API.",
        middleware=[Middleware(Edge, desk=desk, settings=settings, require_ready=lifecycle.require_ready)],
        exception_handlers={404: not_found, 405: not_found, Exception: internal_error},
    )
    app.include_router(routes(engine, desk, settings, lifecycle))
    app.include_router(probes(desk, engine, lifecycle))
    app.state.desk, app.state.lifecycle = desk, lifecycle
    return app
