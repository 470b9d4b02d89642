"""The routes that take no seat and are never refused: probes, metrics, status."""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Depends
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sluice.admission import AdmissionController
from sluice.api.auth import Auth
from sluice.api.watched import Watched
from sluice.engine.base import Engine
from sluice.live.feed import Feed
from sluice.telemetry.exposition import Expositions
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.metrics import FrontEndCollector
from sluice.transport.sse import to_json

NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "Not in phase `ready`, or the engine makes no progress."}
}


class Health(Protocol):
    """What the probes ask of the life cycle."""

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests are served, and the phase with its progress."""
        ...


def operations(
    controller: AdmissionController, auth: Auth, latencies: Latencies, engine: Engine, *, health: Health,
    feed: Feed, own: Sequence[Collector],
) -> APIRouter:  # fmt: skip
    """`own`: further metrics of the server's."""
    router = APIRouter(tags=["operations"])

    def collectors() -> Sequence[Collector]:
        now, scheduler = feed.statuses.now(), controller.scheduler
        inside = FrontEndCollector(now, scheduler.running_by, scheduler.waiting_by, latencies)
        return inside, *own, PROCESS_COLLECTOR, GC_COLLECTOR, PLATFORM_COLLECTOR, *engine.metrics()

    expositions = Expositions(collectors)
    anyone, operator = [Depends(auth.anyone)], [Depends(auth.operator)]

    @router.get("/livez", dependencies=anyone)
    async def livez() -> Response:
        """200 while the process can answer."""
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", dependencies=anyone, responses=NOT_READY)
    @router.get("/healthz", dependencies=anyone, responses=NOT_READY)
    @router.get("/health", dependencies=anyone, responses=NOT_READY)
    async def readyz() -> Response:
        """200 in phase `ready` with an engine that makes progress; else 503. Tells the phase and its progress."""
        ready, state = health.readiness()
        return JSONResponse(state, 200 if ready else 503, None if ready else {"Retry-After": "1"})

    @router.get("/status", dependencies=operator)
    async def get_status() -> Response:
        """The two limits, what is inside, what was refused and finished, and how fast all of it goes."""
        return Response(to_json(feed.statuses.now()), media_type="application/json")

    @router.get("/status/events", dependencies=operator, include_in_schema=False)
    async def events() -> Response:
        """The same every second, as server-sent events, after those of the last 15 minutes."""
        return Watched(feed.events(), send_timeout=controller.traffic.send_timeout)

    @router.get("/metrics", dependencies=operator, response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus: `sluice_*`, and the engine's own `vllm:*`."""
        return Response(await expositions.latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
