"""What the OpenAI routes that generate do with a request: its body's generation, streamed or collected."""

import time
from collections.abc import Callable
from random import Random

from sluice.admission import AdmissionController, Ticket
from sluice.api.errors import to_body
from sluice.api.generation import Generation
from sluice.api.intake import Generate
from sluice.api.sinks import StreamSink
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import NotFound, RequestError
from sluice.openai.chat.models import ChatCompletionRequest
from sluice.openai.chunks import Chunks
from sluice.openai.completions.models import CompletionRequest
from sluice.openai.sampling import GenerationBody
from sluice.settings import Settings
from sluice.telemetry.latencies import Latencies
from sluice.transport.base import Connection, encode
from sluice.transport.event_stream import EVENT_STREAM, EventStream
from sluice.transport.heartbeat import Heartbeat
from sluice.transport.sse import event
from sluice.wire.collected import CollectedDeltas

ROUTES: dict[str, tuple[type[GenerationBody], str]] = {
    "/v1/chat/completions": (ChatCompletionRequest, "chatcmpl"),
    "/v1/completions": (CompletionRequest, "cmpl"),
}
"""Each one's body, and what its answers' ids begin with."""


def generating(
    engine: Engine,
    controller: AdmissionController,
    latencies: Latencies,
    settings: Settings,
    require_ready: Callable[[], ModelInfo],
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
                wire.to_generation(request_id),
                ticket,
                engine=engine,
                model=require_ready(),
                controller=controller,
                latencies=latencies,
            )
            await generation.prepare()
            if not wire.stream:
                await collect(generation, wire, created, connection)
                return
            chunks = wire.chunks(request_id, created)
            headers = of_streams + encode(ticket.account.headers())
            parts = generation.request.sequences
            events = EventStream(connection, headers, parts, heartbeat, generation.watch)
            relays = [StreamSink(index, chunks, events, engine.pace, coalesce) for index in range(parts)]
            await stream(generation, chunks, events, relays)

        return generate

    return {path: route(*each) for path, each in ROUTES.items()}


async def stream(generation: Generation, chunks: Chunks, events: EventStream, relays: list[StreamSink]) -> None:
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
    sequences = [CollectedDeltas() for _ in range(generation.request.sequences)]
    await generation.start(sequences)
    await generation.finish()
    generation.ticket.outcome = "finished"
    body = wire.response(generation.request.id, created, sequences, generation.prompt_tokens)
    await connection.drain()
    headers = {"content-type": "application/json"} | generation.ticket.account.headers()
    connection.answer(200, encode(headers), body)
