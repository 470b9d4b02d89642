"""The OpenAI routes, as FastAPI knows them: what generates is only documented here, and served at the intake."""

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from sluice.api.auth import Auth
from sluice.engine.base import ModelInfo
from sluice.openai.chat.models import ChatCompletionRequest
from sluice.openai.completions.models import CompletionRequest
from sluice.openai.models import model_list
from sluice.openai.sampling import GenerationBody
from sluice.settings import Settings


def routes(settings: Settings, auth: Auth, require_ready: Callable[[], ModelInfo]) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["openai"])
    at_intake = [Depends(auth.tenant_at_intake)]
    started_at = int(time.time())

    @router.post("/chat/completions", dependencies=at_intake, openapi_extra=body_schema(ChatCompletionRequest))
    async def chat_completions() -> Response:
        """OpenAI's chat completions; `stream: true` answers with server-sent events."""
        raise not_here()

    @router.post("/completions", dependencies=at_intake, openapi_extra=body_schema(CompletionRequest))
    async def completions() -> Response:
        """OpenAI's completions; `stream: true` answers with server-sent events."""
        raise not_here()

    @router.get("/models", dependencies=[Depends(auth.tenant)])
    async def models() -> Response:
        """The names under which the model is served."""
        body = model_list(settings.names, started_at, require_ready().max_model_len).encode()
        return Response(body, media_type="application/json")

    return router


def body_schema(wire: type[GenerationBody]) -> dict[str, Any]:
    """The body is parsed by hand, once; this tells OpenAPI what it is."""
    schema = wire.model_json_schema(ref_template=f"#/components/schemas/{wire.__name__}/$defs/{{model}}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def not_here() -> RuntimeError:
    return RuntimeError("serve the application with AcceleratedProtocol and its intake")
