"""The routes under /v1, as FastAPI knows them."""

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from sluice import __version__
from sluice.api.auth import Auth
from sluice.api.errors import no_model
from sluice.api.tokenizing import BODIES
from sluice.engine.base import Engine, ModelInfo
from sluice.openai.models import model_list
from sluice.settings import Settings
from sluice.transport.asgi import Exchanged
from sluice.transport.base import Entrance, Handler
from sluice.transport.path import single_slashes
from sluice.transport.sse import to_json
from sluice.wire.endpoint import Endpoint

JSON = {"application/json": {"schema": {"type": "object"}}}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request has to change, and the error says how; or, with 429, to come again after "
        "`Retry-After` seconds.",
        "content": JSON,
    },
    "5XX": {
        "description": "The server is not ready, or could not begin in time (503, with `Retry-After`). Or it is at "
        "fault.",
        "content": JSON,
    },
}
"""What OpenAPI tells of answers that are none: each API has its own object for them."""


def answers(streams: bool) -> dict[int | str, dict[str, Any]]:
    if not streams:
        return {200: {"description": "The answer.", "content": JSON}}
    events: dict[str, Any] = {"text/event-stream": {}}
    return {200: {"description": "The answer, or with `stream: true` its events.", "content": JSON | events}}


def routes(
    endpoints: Iterable[Endpoint], handler: Handler, auth: Auth, settings: Settings, *, tokenizing: Entrance,
    require_ready: Callable[[], ModelInfo], engine: Engine,
) -> APIRouter:  # fmt: skip
    router = APIRouter(tags=["inference"])
    names, root = settings.names, settings.model_path
    adapters = {adapter.name: adapter.path for adapter in settings.lora}
    started_at = int(time.time())

    def post(path: str, entrance: Entrance, body: type[BaseModel], summary: str, *, streams: bool = False) -> None:
        router.add_api_route(
            path,
            exchange(entrance, path),
            methods=["POST"],
            dependencies=[Depends(auth.tenant_at_intake)],
            name=path,
            description=summary,
            responses=answers(streams) | ERRORS,
            openapi_extra=body_schema(path, body, names[0]),
        )

    for endpoint in endpoints:
        post(endpoint.path, handler, endpoint.body, endpoint.summary, streams=endpoint.task == "generate")
    for path, (body, summary) in BODIES.items():
        post(path, tokenizing, body, summary)

    @router.get("/version", dependencies=[Depends(auth.tenant)], responses=ERRORS)
    async def version() -> Response:
        """Sluice's own."""
        return JSONResponse({"version": __version__})

    @router.get("/tokenizer_info", dependencies=[Depends(auth.tenant)], responses=ERRORS)
    async def tokenizer_info() -> Response:
        """The tokenizer's own settings, as vLLM tells them, the chat template among them."""
        require_ready()
        return Response(to_json(await engine.tokenizer_info()), media_type="application/json")

    @router.get("/v1/models", dependencies=[Depends(auth.tenant)], responses=ERRORS)
    async def models() -> Response:
        """The names under which the model is served, and its adapters."""
        body = model_list(names, root, adapters, started_at, require_ready().max_model_len).encode()
        return Response(body, media_type="application/json")

    @router.get(
        "/v1/models/{name:path}",
        dependencies=[Depends(auth.tenant)],
        responses=ERRORS,
    )
    async def model(name: str) -> Response:
        """One of them, by its name; a slash in it may be sent as it is, or as %2F."""
        cards = model_list(names, root, adapters, started_at, require_ready().max_model_len).data
        wanted = name.replace("%2F", "/")
        for card in cards:
            if single_slashes(f"/{card.id}") == single_slashes(f"/{wanted}"):
                return Response(card.encode(), media_type="application/json")
        raise no_model(wanted, [*names, *adapters])

    return router


def exchange(entrance: Entrance, path: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Exchanged(entrance, path)

    return answer


def body_schema(path: str, body: type[BaseModel], model: str) -> dict[str, Any]:
    """The body is parsed by hand, once; this tells OpenAPI what it is. The model has that name in its examples."""
    schema = schema_at(path, body)
    examples = [example | {"model": model} for example in schema.get("examples", ())]
    named = schema | {"examples": examples} if examples else schema
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": named}}}}


@cache
def schema_at(path: str, body: type[BaseModel]) -> dict[str, Any]:
    """Made once a process: it takes some milliseconds."""
    pointer = f"#/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema"
    return body.model_json_schema(ref_template=f"{pointer}/$defs/{{model}}")
