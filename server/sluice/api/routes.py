"""The routes under /v1, as FastAPI knows them."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from sluice.api.auth import Auth
from sluice.engine.base import ModelInfo
from sluice.openai.models import model_list
from sluice.transport.asgi import Exchanged
from sluice.transport.base import Handler
from sluice.wire.endpoint import Endpoint


def routes(
    endpoints: Iterable[Endpoint], handler: Handler, auth: Auth, names: list[str],
    require_ready: Callable[[], ModelInfo],
) -> APIRouter:  # fmt: skip
    """`names`: of the model."""
    router = APIRouter(tags=["inference"])
    started_at = int(time.time())
    for endpoint in endpoints:
        router.add_api_route(
            endpoint.path,
            exchange(handler, endpoint.path),
            methods=["POST"],
            dependencies=[Depends(auth.tenant_at_intake)],
            name=endpoint.path,
            description=endpoint.summary,
            openapi_extra=body_schema(endpoint.body),
        )

    @router.get("/v1/models", dependencies=[Depends(auth.tenant)])
    async def models() -> Response:
        """The names under which the model is served."""
        body = model_list(names, started_at, require_ready().max_model_len).encode()
        return Response(body, media_type="application/json")

    return router


def exchange(handler: Handler, path: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Exchanged(handler, path)

    return answer


def body_schema(body: type[BaseModel]) -> dict[str, Any]:
    """The body is parsed by hand, once; this tells OpenAPI what it is."""
    schema = body.model_json_schema(ref_template=f"#/components/schemas/{body.__name__}/$defs/{{model}}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
