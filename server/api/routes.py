"""The OpenAI routes."""

import time
from secrets import token_hex
from typing import Any, Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from server.admission import Desk, Ticket
from server.api.direct import DirectRoute
from server.api.errors import to_body
from server.api.generation import Generation
from server.api.relay import Relay
from server.engine.base import Engine, ModelInfo
from server.errors import NotFound, RequestError
from server.openai.chat import ChatCompletionRequest
from server.openai.collected import Collected
from server.openai.completions import CompletionRequest
from server.openai.models import model_list
from server.openai.request import GenerationBody
from server.settings import Settings
from server.streaming.frames import event
from server.streaming.heartbeat import Heartbeat
from server.streaming.response import EventStream
from server.telemetry.times import Times


class Model(Protocol):
    """What the routes ask of the life cycle."""

    def require_ready(self) -> ModelInfo: ...


def routes(engine: Engine, desk: Desk, times: Times, settings: Settings, model: Model) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=DirectRoute)
    started_at, heartbeat = int(time.time()), Heartbeat()

    async def answer(request: Request, wire: GenerationBody, prefix: str) -> Response:
        """Both routes: the body's generation, streamed or collected."""
        ticket: Ticket = request.state.ticket
        if wire.model not in settings.names:
            raise NotFound(
                f"There is no model {wire.model!r}; this server has {', '.join(settings.names)}.",
                code="model_not_found",
                param="model",
            )
        request_id, created = f"{prefix}-{token_hex(16)}", int(time.time())
        ticket.request_class = ticket.account.class_of(wire.tier)
        generation = Generation(
            wire.to_generation(request_id), ticket, engine=engine, model=model.require_ready(), desk=desk, times=times
        )
        await generation.prepare()
        if wire.stream:
            return await stream(generation, wire, created, heartbeat, settings.streaming.coalesce == "auto")
        return await collect(generation, wire, created)

    @router.post("/chat/completions", openapi_extra=body_schema(ChatCompletionRequest))
    async def chat_completions(request: Request) -> Response:
        """OpenAI's chat completions; `stream: true` answers with server-sent events."""
        return await answer(request, ChatCompletionRequest.parse(request.state.body), "chatcmpl")

    @router.post("/completions", openapi_extra=body_schema(CompletionRequest))
    async def completions(request: Request) -> Response:
        """OpenAI's completions; `stream: true` answers with server-sent events."""
        return await answer(request, CompletionRequest.parse(request.state.body), "cmpl")

    @router.get("/models")
    async def models(request: Request) -> Response:
        """The names under which the model is served."""
        return json_response(model_list(settings.names, started_at, model.require_ready().max_model_len).encode())

    return router


def generating(router: APIRouter) -> dict[str, ASGIApp]:
    """The routes that generate, by path, for the edge to call."""
    return {
        route.path: route.app for route in router.routes if isinstance(route, DirectRoute) and "POST" in route.methods
    }


def body_schema(wire: type[GenerationBody]) -> dict[str, Any]:
    """The body is parsed by hand, once; this tells OpenAPI what it is."""
    schema = wire.model_json_schema(ref_template=f"#/components/schemas/{wire.__name__}/$defs/{{model}}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def json_response(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def stream(
    generation: Generation, wire: GenerationBody, created: int, heartbeat: Heartbeat, coalesce: bool
) -> EventStream:
    """Server-sent events, from when the engine has accepted the request. What fails before, is raised."""
    chunks, ticket = wire.chunks(generation.request.id, created), generation.ticket

    async def carry() -> bytes:
        try:
            with ticket.interruptible():
                try:
                    await generation.finish()
                finally:
                    relay.flush()
                await events.caught_up()
        except RequestError as error:
            ticket.outcome = error.outcome
            if events.is_blocked:
                raise
            return event(to_body(error))
        ticket.outcome = "finished"
        return chunks.last(generation.prompt_tokens, generation.completion_tokens)

    events = EventStream(chunks.first(), carry, heartbeat, generation.watch)
    relay = Relay(chunks, events, generation.engine.pace, coalesce)
    await generation.start(relay.put)
    return events


async def collect(generation: Generation, wire: GenerationBody, created: int) -> Response:
    sequences = [Collected() for _ in range(generation.request.sequences)]
    await generation.start(lambda index, delta: sequences[index].add(delta))
    await generation.finish()
    generation.ticket.outcome = "finished"
    return json_response(wire.response(generation.request.id, created, sequences, generation.prompt_tokens))
