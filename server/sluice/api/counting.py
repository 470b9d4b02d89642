"""How many tokens a conversation comes to: nothing is generated, and no seat is taken."""

import asyncio
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from sluice.anthropic.messages.models import CountTokensRequest
from sluice.anthropic.messages.translation import MESSAGES
from sluice.api.auth import Auth
from sluice.api.body import parse, read_body
from sluice.api.content import check_content
from sluice.api.errors import no_model
from sluice.api.routes import body_schema
from sluice.engine.base import Engine
from sluice.settings import Http
from sluice.transport.asgi import AsgiConnection
from sluice.transport.sse import to_json

PATH = f"{MESSAGES.path}/count_tokens"
RENDERED_AT_ONCE = 2
"""No seats limit them, and the prompts of those that have one are rendered on the same threads."""


def counting(
    engine: Engine, http: Http, auth: Auth, names: list[str], *, require_ready: Callable[[], object],
    tell_ignored: Callable[[Sequence[str]], dict[str, str]],
) -> APIRouter:  # fmt: skip
    """`names`: of the model. `tell_ignored`: as headers, the fields of a body that nobody knows."""
    router, turns = APIRouter(tags=["inference"]), asyncio.Semaphore(RENDERED_AT_ONCE)

    @router.post(
        PATH, dependencies=[Depends(auth.tenant)], openapi_extra=body_schema(PATH, CountTokensRequest, names[0])
    )
    async def count_tokens(request: Request) -> Response:
        """Anthropic's: the tokens of system, tools and messages, as the model's template writes them."""
        connection = AsgiConnection(request.scope, request.receive, None)
        packed = check_content(connection.headers)
        require_ready()
        body = await read_body(connection, packed, http, lambda: False)
        asked = await parse(CountTokensRequest.parse, body)
        if asked.model not in names:
            raise no_model(asked.model, names)
        headers = tell_ignored(asked.ignored) if asked.ignored else {}
        async with turns:
            prompt = await engine.render(asked.chat)
        counted = to_json({"input_tokens": len(prompt.tokens)})
        return Response(counted, headers=headers, media_type="application/json")

    return router
