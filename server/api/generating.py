"""What the OpenAI routes that generate do with a request: its body's generation, streamed or collected."""

import time
from collections.abc import Callable
from random import Random

from server.admission import Desk, Ticket
from server.api.edge import Generate
from server.api.errors import to_body
from server.api.generation import Generation
from server.api.relay import Relay
from server.engine.base import Engine, ModelInfo
from server.errors import NotFound, RequestError
from server.openai.chat import ChatCompletionRequest
from server.openai.chunks import Chunks
from server.openai.collected import Collected
from server.openai.completions import CompletionRequest
from server.openai.request import GenerationBody
from server.settings import Settings
from server.streaming.connection import Connection, encode
from server.streaming.frames import event
from server.streaming.heartbeat import Heartbeat
from server.streaming.response import EVENT_STREAM, EventStream
from server.telemetry.times import Times

ROUTES: dict[str, tuple[type[GenerationBody], str]] = {
    "/v1/chat/completions": (ChatCompletionRequest, "chatcmpl"),
    "/v1/completions": (CompletionRequest, "cmpl"),
}
"""Each one's body, and what its answers' ids begin with."""


def generating(
    engine: Engine, desk: Desk, times: Times, settings: Settings, require_ready: Callable[[], ModelInfo]
) -> dict[str, Generate]:
    """By path. Raise what refuses the request, and what fails before its answer has begun."""
    heartbeat, coalesce = Heartbeat(), settings.streaming.coalesce == "auto"
    of_streams = encode(EVENT_STREAM)
    ids = Random()

    def route(kind: type[GenerationBody], prefix: str) -> Generate:
        async def generate(connection: Connection, ticket: Ticket, body: bytes) -> None:
            wire = kind.parse(body)
            if wire.model not in settings.names:
                raise NotFound(
                    f"There is no model {wire.model!r}; this server has {', '.join(settings.names)}.",
                    code="model_not_found",
                    param="model",
                )
            request_id, created = f"{prefix}-{ids.getrandbits(128):032x}", int(time.time())
            ticket.request_class = ticket.account.class_of(wire.tier)
            generation = Generation(
                wire.to_generation(request_id), ticket, engine=engine, model=require_ready(), desk=desk, times=times
            )
            await generation.prepare()
            if not wire.stream:
                await collect(generation, wire, created, connection)
                return
            chunks = wire.chunks(request_id, created)
            headers = of_streams + encode(ticket.account.headers())
            parts = generation.request.sequences
            events = EventStream(connection, headers, parts, heartbeat, generation.watch)
            relays = [Relay(index, chunks, events, engine.pace, coalesce) for index in range(parts)]
            await stream(generation, chunks, events, relays)

        return generate

    return {path: route(*each) for path, each in ROUTES.items()}


async def stream(generation: Generation, chunks: Chunks, events: EventStream, relays: list[Relay]) -> None:
    """Server-sent events, from when the engine has accepted the request."""
    ticket = generation.ticket
    await generation.start(relays)
    with events:
        events.begin(chunks.first())
        try:
            with ticket.interruptible():
                try:
                    await generation.finish()
                finally:
                    for relay in relays:
                        relay.flush()
                await events.caught_up()
        except RequestError as error:
            ticket.outcome = error.outcome
            if events.is_blocked or not events.is_open:
                raise
            last = event(to_body(error))
        else:
            ticket.outcome = "finished"
            last = chunks.last(generation.prompt_tokens, generation.completion_tokens)
        await events.end(last)


async def collect(generation: Generation, wire: GenerationBody, created: int, connection: Connection) -> None:
    sequences = [Collected() for _ in range(generation.request.sequences)]
    await generation.start(sequences)
    await generation.finish()
    generation.ticket.outcome = "finished"
    body = wire.response(generation.request.id, created, sequences, generation.prompt_tokens)
    await connection.drain()
    headers = {"content-type": "application/json"} | generation.ticket.account.headers()
    connection.answer(200, encode(headers), body)
