"""What becomes of a body: a call, its generation, and the answer, streamed or whole."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

from msgspec.structs import replace

from sluice import __version__
from sluice.admission import AdmissionController, Ticket
from sluice.api.body import parse
from sluice.api.errors import no_model, no_task, to_problem
from sluice.api.generation import Generation
from sluice.api.sinks import ParsedSink, StreamSink
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import InvalidRequest, RequestError
from sluice.settings import Settings
from sluice.telemetry.ignored import IgnoredFields
from sluice.telemetry.latencies import Latencies
from sluice.transport.base import Connection, Headers, encode
from sluice.transport.event_stream import EVENT_STREAM, EventStream
from sluice.transport.heartbeat import Heartbeat
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Call, Encoder, Endpoint, Totals

PIECE_BYTES = 256 * 1024
"""What of a whole answer is made, or sent, in one turn of the loop."""
SHORT_ANSWER = 4_000
"""Characters up to which a whole answer is parsed on the event loop."""
REASONING_FIELDS = {
    "reasoning": ("reasoning",),
    "reasoning_content": ("reasoning_content",),
    "both": ("reasoning", "reasoning_content"),
}


class Answering:
    """`generate` answers one request. Its errors are raised while the answer has not begun, and end it afterwards."""

    def __init__(
        self, engine: Engine, controller: AdmissionController, latencies: Latencies, settings: Settings, *,
        require_loaded: Callable[[], ModelInfo], ignored: IgnoredFields,
    ) -> None:  # fmt: skip
        self.strict, self.ignored = settings.http.strict_fields, ignored
        self.engine, self.controller, self.latencies = engine, controller, latencies
        self.adapters = [adapter.name for adapter in settings.lora]
        self.names, self.coalesce = settings.names + self.adapters, settings.streaming.coalesce == "auto"
        self.require_loaded = require_loaded
        self.fingerprint = f"sluice-{__version__}"
        self.reasoning_fields = REASONING_FIELDS[settings.streaming.reasoning_field]
        self.heartbeat, self.ids = Heartbeat(), Random()
        self.event_stream = encode(EVENT_STREAM)

    async def generate(self, endpoint: Endpoint, connection: Connection, ticket: Ticket, body: bytes) -> None:
        call = await parse(endpoint.parse, body)
        del body  # it may be long, and so may be the answer's life
        model = call.model or self.names[0]
        if model not in self.names:
            raise no_model(model, self.names)
        headers = self.tell_ignored(call.ignored) if call.ignored else {}
        loaded = self.require_loaded()
        if endpoint.task not in loaded.tasks:
            raise no_task(endpoint.path, endpoint.task, model, loaded.tasks)
        ticket.request_class = ticket.account.class_of(call.request_class)
        created = int(time.time())
        request = call.to_generation(f"{endpoint.id_prefix}{self.ids.getrandbits(128):032x}")
        if model in self.adapters:
            request = replace(request, adapter=model)
        generation = Generation(
            request, ticket, engine=self.engine, model=loaded, controller=self.controller,
            latencies=self.latencies, is_streamed=call.stream,
        )  # fmt: skip
        await generation.prepare()
        name = request.id if request.name is None else f"{endpoint.id_prefix}{request.name}"
        about = About(name, created, model, self.fingerprint, self.reasoning_fields, generation.prompts)
        if call.stream:
            await self.stream(generation, call.encoder(about), connection, headers)
        else:
            await collect(generation, call, about, connection, headers)

    def tell_ignored(self, ignored: Sequence[str]) -> dict[str, str]:
        """As headers of the answer. Raises InvalidRequest if there may be no fields that nobody knows."""
        if self.strict:
            path = ignored[0]
            raise InvalidRequest(f"{path} is not a known field.", param=path)
        self.ignored.note(ignored)
        return {"x-sluice-ignored": ", ".join(ignored)}

    async def stream(
        self, generation: Generation, encoder: Encoder, connection: Connection, more: dict[str, str]
    ) -> None:
        """Server-sent events, from when the engine has accepted the request."""
        headers = self.event_stream + encode(generation.ticket.account.headers() | more)
        sequences = generation.request.sequences
        events = EventStream(connection, headers, sequences, self.heartbeat, generation.note_reading)
        sinks = [StreamSink(index, encoder, events, self.engine.pace, self.coalesce) for index in range(sequences)]
        parsed = [parsed_sink(generation, sink) for sink in sinks]
        await generation.start(parsed)
        with events:
            events.begin(encoder.first())
            await events.end(await last_events(generation, encoder, events, sinks, parsed))


def parsed_sink(generation: Generation, sink: StreamSink) -> StreamSink | ParsedSink:
    """The sink, behind a parser where its answer has to be read."""
    parser = generation.parser(sink.index)
    return sink if parser is None else ParsedSink(parser, sink, generation.request.sampling.wants_ids)


async def last_events(
    generation: Generation, encoder: Encoder, events: EventStream, sinks: list[StreamSink],
    parsed: Sequence[StreamSink | ParsedSink],
) -> bytes:  # fmt: skip
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
    return encoder.last(totals(generation, sum(each.reasoning_tokens for each in parsed)))


def totals(generation: Generation, reasoning: int) -> Totals:
    return Totals(
        generation.prompt_tokens, generation.completion_tokens, generation.cached_tokens, generation.written_tokens,
        reasoning,
    )  # fmt: skip


async def parse_answers(generation: Generation, sequences: Sequence[CollectedDeltas]) -> int:
    """Have them read that have to be; returns how many of their tokens are reasoning."""
    reasoning = 0
    for index, sequence in enumerate(sequences):
        parser = generation.parser(index)
        if parser is None:
            continue
        text, ids = sequence.text, sequence.ids
        if len(text) <= SHORT_ANSWER:
            sequence.parsed = parser.whole(text, ids)
        else:
            sequence.parsed = await asyncio.to_thread(parser.whole, text, ids)
        reasoning += parser.reasoning_tokens(ids)
    return reasoning


async def collect(
    generation: Generation, call: Call, about: About, connection: Connection, more: dict[str, str]
) -> None:
    ticket = generation.ticket
    sequences = [call.collected() for _ in range(generation.request.sequences)]
    await generation.start(sequences)
    await generation.finish()
    used = totals(generation, await parse_answers(generation, sequences))
    for sequence in sequences:
        if sequence.prompt is not None:
            await asyncio.to_thread(sequence.read_prompt)
    pieces, made = list[bytes | bytearray](), 0
    for piece in call.whole(about, sequences, used):
        pieces.append(piece)
        made += len(piece)
        if made // PIECE_BYTES > (made - len(piece)) // PIECE_BYTES:
            await asyncio.sleep(0)
    headers = encode({"content-type": "application/json"} | ticket.account.headers() | more)
    last = b"".join(pieces) if made <= PIECE_BYTES else await send_most(pieces, headers, connection, ticket)
    await connection.drain()
    ticket.conclude(None)
    if connection.has_begun:
        connection.end(last)
    else:
        connection.answer(200, headers, last)


async def send_most(
    pieces: Iterable[bytes | bytearray], headers: Headers, connection: Connection, ticket: Ticket
) -> bytes:
    """Begin a long answer, and send it as it is read; returns its end, which is left to send."""
    ticket.wait_for_reader()
    connection.begin([*headers, (b"content-length", b"%d" % sum(map(len, pieces)))], b"")
    parts = in_parts(pieces)
    part = next(parts)
    for following in parts:
        await connection.drain()
        connection.write(part)
        await asyncio.sleep(0)
        part = following
    return part


def in_parts(pieces: Iterable[bytes | bytearray]) -> Iterator[bytes]:
    """The same in parts of PIECE_BYTES, and a last one."""
    part = bytearray()
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            part += piece[start : start + PIECE_BYTES]
            while len(part) > PIECE_BYTES:
                yield bytes(part[:PIECE_BYTES])
                del part[:PIECE_BYTES]
    yield bytes(part)
