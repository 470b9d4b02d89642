"""The routes that take no seat and are never refused: probes, metrics, status."""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Depends
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sluice.admission import AdmissionController, Tenants
from sluice.api.auth import Auth
from sluice.engine.base import Engine
from sluice.telemetry.exposition import Expositions
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.metrics import FrontEndCollector
from sluice.transport.sse import to_json

NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "Not in phase `ready`, or the engine makes no progress."}
}


class Health(Protocol):
    """What the operations ask of the life cycle. `restarts_total`: of the engine, after a death."""

    restarts_total: int

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests are served, and the phase with its progress."""
        ...


def status(controller: AdmissionController, tenants: Tenants, health: Health, engine: Engine) -> dict[str, Any]:
    seats, scheduler = controller.seats, controller.scheduler
    return {
        "phase": health.readiness()[1]["phase"],
        "output_path": engine.output_path,
        "concurrency": scheduler.max_running,
        "max_concurrency": seats.capacity,
        "max_waiting_tokens": controller.waiting_tokens.capacity,
        "admitted": seats.taken,
        "running": scheduler.running,
        "waiting": scheduler.waiting,
        "waiting_tokens": controller.waiting_tokens.taken,
        "oldest_wait_seconds": round(scheduler.oldest_wait(), 3),
        "peak_admitted": seats.peak,
        "peak_running": scheduler.peak_running,
        "paused": scheduler.paused_total,
        "engine_restarts": health.restarts_total,
        "rejected": dict(controller.rejected),
        "would_reject": dict(controller.would_reject),
        "finished": dict(controller.finished),
        "expired": dict(controller.expired),
        "tenants": {name: account.seats.taken for name, account in tenants.accounts.items()},
    }


def operations(
    controller: AdmissionController, auth: Auth, latencies: Latencies, engine: Engine, *, health: Health,
    own: Sequence[Collector],
) -> APIRouter:  # fmt: skip
    """`own`: further metrics of the server's."""
    router = APIRouter(tags=["operations"])

    def collectors() -> Sequence[Collector]:
        now, scheduler = status(controller, auth.tenants, health, engine), controller.scheduler
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
        """The two limits, what is inside, and what was refused and finished."""
        return Response(to_json(status(controller, auth.tenants, health, engine)), media_type="application/json")

    @router.get("/metrics", dependencies=operator, response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus: `sluice_*`, and the engine's own `vllm:*`."""
        return Response(await expositions.latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
