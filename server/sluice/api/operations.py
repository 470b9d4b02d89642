"""The routes that take no seat and are never refused: probes, metrics, status, models."""

from typing import Any, Protocol

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from sluice.admission import AdmissionController, Tenants
from sluice.engine.base import Engine
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.metrics import exposition


class Health(Protocol):
    """What the probes ask of the life cycle."""

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests are served, and the phase with its progress."""
        ...


def status(controller: AdmissionController, tenants: Tenants, health: Health, engine: Engine) -> dict[str, Any]:
    seats, queue = controller.seats, controller.queue
    return {
        "phase": health.readiness()[1]["phase"],
        "output_path": engine.output_path,
        "concurrency": queue.capacity,
        "max_concurrency": seats.capacity,
        "max_waiting_tokens": controller.waiting_tokens.capacity,
        "admitted": seats.taken,
        "running": queue.running,
        "waiting": queue.waiting,
        "waiting_tokens": controller.waiting_tokens.taken,
        "oldest_wait_seconds": round(queue.oldest_wait(), 3),
        "peak_admitted": seats.peak,
        "peak_running": queue.peak_running,
        "paused": queue.paused_total,
        "rejected": dict(controller.rejected),
        "would_reject": dict(controller.would_reject),
        "finished": dict(controller.finished),
        "expired": dict(controller.expired),
        "tenants": {name: account.seats.taken for name, account in tenants.accounts.items()},
    }


def probes(
    controller: AdmissionController, tenants: Tenants, latencies: Latencies, engine: Engine, health: Health
) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/livez")
    async def livez() -> Response:
        """200 while the process can answer."""
        return JSONResponse({"status": "alive"})

    @router.get("/readyz")
    @router.get("/healthz")
    @router.get("/health")
    async def readyz() -> Response:
        """200 in phase `ready` with an engine that makes progress; else 503. Tells the phase and its progress."""
        ready, state = health.readiness()
        return JSONResponse(state, 200 if ready else 503, None if ready else {"Retry-After": "1"})

    @router.get("/status")
    async def get_status() -> Response:
        """The two limits, what is inside, and what was refused and finished."""
        return JSONResponse(status(controller, tenants, health, engine))

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus: `sluice_*`, and the engine's own `vllm:*`."""
        now, queue = status(controller, tenants, health, engine), controller.queue
        own = exposition(now, queue.running_by, queue.waiting_by(), latencies)
        content = own + engine.metrics()
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
