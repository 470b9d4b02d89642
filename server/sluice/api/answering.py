"""What becomes of a body: a call, its generation, and the answer, streamed or whole."""

import time
from collections.abc import Callable
from random import Random

from sluice.admission import AdmissionController, Ticket
from sluice.api.errors import to_problem
from sluice.api.generation import Generation
from sluice.api.sinks import StreamSink
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import NotFound, RequestError
from sluice.settings import Settings
from sluice.telemetry.latencies import Latencies
from sluice.transport.base import Connection, encode
from sluice.transport.event_stream import EVENT_STREAM, EventStream
from sluice.transport.heartbeat import Heartbeat
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import Call, Encoder, Endpoint


class Answering:
    """`generate` answers one request. Its errors are raised while the answer has not begun, and end it afterwards."""

    def __init__(
        self, engine: Engine, controller: AdmissionController, latencies: Latencies, settings: Settings,
        require_ready: Callable[[], ModelInfo],
    ) -> None:  # fmt: skip
        self.engine, self.controller, self.latencies = engine, controller, latencies
        self.names, self.coalesce = settings.names, settings.streaming.coalesce == "auto"
        self.require_ready = require_ready
        self.heartbeat, self.ids = Heartbeat(), Random()
        self.event_stream = encode(EVENT_STREAM)

    async def generate(self, endpoint: Endpoint, connection: Connection, ticket: Ticket, body: bytes) -> None:
        call = endpoint.parse(body)
        if call.model not in self.names:
            raise NotFound(
                f"There is no model {call.model!r}; this server has {', '.join(self.names)}.",
                code="model_not_found",
                param="model",
            )
        ticket.request_class = ticket.account.class_of(call.request_class)
        request_id, created = f"{endpoint.id_prefix}-{self.ids.getrandbits(128):032x}", int(time.time())
        generation = Generation(
            call.to_generation(request_id), ticket, engine=self.engine, model=self.require_ready(),
            controller=self.controller, latencies=self.latencies,
        )  # fmt: skip
        await generation.prepare()
        if call.stream:
            await self.stream(generation, call.encoder(request_id, created), connection)
        else:
            await collect(generation, call, created, connection)

    async def stream(self, generation: Generation, encoder: Encoder, connection: Connection) -> None:
        """Server-sent events, from when the engine has accepted the request."""
        headers = self.event_stream + encode(generation.ticket.account.headers())
        sequences = generation.request.sequences
        events = EventStream(connection, headers, sequences, self.heartbeat, generation.note_reading)
        sinks = [StreamSink(index, encoder, events, self.engine.pace, self.coalesce) for index in range(sequences)]
        await generation.start(sinks)
        with events:
            events.begin(encoder.first())
            await events.end(await last_events(generation, encoder, events, sinks))


async def last_events(generation: Generation, encoder: Encoder, events: EventStream, sinks: list[StreamSink]) -> bytes:
    """What ends the stream, once it may end. Raises what ends it early if the client cannot be told any more."""
    ticket = generation.ticket
    try:
        with ticket.interruptible():
            try:
                await generation.finish()
            finally:
                for sink in sinks:
                    sink.flush()
            await events.caught_up()
    except RequestError as error:
        if events.is_blocked or not events.is_open:
            raise
        ticket.conclude(error)
        events.connection.is_last = True
        return encoder.error(to_problem(error))
    ticket.conclude(None)
    return encoder.last(generation.prompt_tokens, generation.completion_tokens)


async def collect(generation: Generation, call: Call, created: int, connection: Connection) -> None:
    sequences = [CollectedDeltas() for _ in range(generation.request.sequences)]
    await generation.start(sequences)
    await generation.finish()
    generation.ticket.conclude(None)
    body = call.whole(generation.request.id, created, sequences, generation.prompt_tokens)
    await connection.drain()
    headers = {"content-type": "application/json"} | generation.ticket.account.headers()
    connection.answer(200, encode(headers), body)
