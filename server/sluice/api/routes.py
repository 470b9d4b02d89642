"""The routes under /v1, as FastAPI knows them."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from sluice.api.auth import Auth
from sluice.api.errors import no_model
from sluice.engine.base import ModelInfo
from sluice.openai.models import model_list
from sluice.settings import Settings
from sluice.transport.asgi import Exchanged
from sluice.transport.base import Handler
from sluice.transport.path import single_slashes
from sluice.wire.endpoint import Endpoint


def routes(
    endpoints: Iterable[Endpoint], handler: Handler, auth: Auth, settings: Settings,
    require_ready: Callable[[], ModelInfo],
) -> APIRouter:  # fmt: skip
    router = APIRouter(tags=["inference"])
    names, root = settings.names, settings.model_path
    started_at = int(time.time())
    for endpoint in endpoints:
        router.add_api_route(
            endpoint.path,
            exchange(handler, endpoint.path),
            methods=["POST"],
            dependencies=[Depends(auth.tenant_at_intake)],
            name=endpoint.path,
            description=endpoint.summary,
            openapi_extra=body_schema(endpoint.path, endpoint.body, names[0]),
        )

    @router.get("/v1/models", dependencies=[Depends(auth.tenant)])
    async def models() -> Response:
        """The names under which the model is served."""
        body = model_list(names, root, started_at, require_ready().max_model_len).encode()
        return Response(body, media_type="application/json")

    @router.get(
        "/v1/models/{name:path}",
        dependencies=[Depends(auth.tenant)],
        responses={"4XX": {"description": "OpenAI's error object: `model_not_found`."}},
    )
    async def model(name: str) -> Response:
        """One of them, by its name; a slash in it may be sent as it is, or as %2F."""
        cards = model_list(names, root, started_at, require_ready().max_model_len).data
        wanted = name.replace("%2F", "/")
        for card in cards:
            if single_slashes(f"/{card.id}") == single_slashes(f"/{wanted}"):
                return Response(card.encode(), media_type="application/json")
        raise no_model(wanted, names)

    return router


def exchange(handler: Handler, path: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Exchanged(handler, path)

    return answer


def body_schema(path: str, body: type[BaseModel], model: str) -> dict[str, Any]:
    """The body is parsed by hand, once; this tells OpenAPI what it is. The model has that name in its examples."""
    pointer = f"#/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema"
    schema = body.model_json_schema(ref_template=f"{pointer}/$defs/{{model}}")
    if "examples" in schema:
        schema["examples"] = [example | {"model": model} for example in schema["examples"]]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
