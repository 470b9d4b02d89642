"""An API of its own, with named events and another error object, is a body, a translation, and a line in the list."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import pytest

from sluice.api.endpoints import ENDPOINTS
from sluice.engine.base import Delta, GenerationRequest, Sampling
from sluice.settings import RequestClass
from sluice.transport.sse import named_event, to_json
from sluice.wire.body import WireModel
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Problem, Totals
from sluice.wire.template import Frame
from tests.conftest import Running, Serve
from tests.fake import EXITS, FakeEngine


class Saying(WireModel):
    model: str
    say: str
    aloud: bool = False


class Call(Saying):
    @property
    def stream(self) -> bool:
        return self.aloud

    @property
    def request_class(self) -> RequestClass | None:
        return "batch"

    def to_generation(self, request_id: str) -> GenerationRequest:
        return GenerationRequest(request_id, (self.say,), Sampling())

    def encoder(self, about: About) -> "Speech":
        return Speech(about.id)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas()

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes]:
        yield to_json({"id": about.id, "said": sequences[0].text})


class Speech:
    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.frames = [Frame(named_event("word", to_json({"word": Frame.SLOT})))]
        self.thoughts = [None]

    def first(self) -> bytes:
        return named_event("start", to_json({"id": self.id}))

    def delta(self, index: int, delta: Delta) -> bytes:
        return self.frames[0].fill(delta.text)

    def last(self, totals: Totals) -> bytes:
        return named_event("stop", to_json({"words": totals.completion}))

    def error(self, problem: Problem) -> bytes:
        return named_event("error", encode_error(problem))


def encode_error(problem: Problem) -> bytes:
    return to_json({"oops": problem.message, "where": problem.param})


SAY = Endpoint("/v1/say", "Says it again.", "say-", Saying, Call.parse, encode_error)
AGAIN = {"model": "demo", "say": "one two three"}


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, EXITS, endpoints=(*ENDPOINTS, SAY), concurrency=1, max_concurrency=1) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


async def test_its_answers_are_its_own(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/say", json=AGAIN)).json()
    assert (whole["id"][:4], whole["said"]) == ("say-", "one two three")
    streamed = await client.post("/v1/say", json=AGAIN | {"aloud": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    *events, end = streamed.text.split("\n\n")
    names, data = zip(*(event.split("\ndata: ") for event in events), strict=True)
    assert [name.removeprefix("event: ") for name in names] == ["start", *["word"] * 4, "stop"]
    assert "".join(json.loads(each).get("word", "") for each in data) == "one two three"
    assert (json.loads(data[-1]), end) == ({"words": 4}, "")


async def test_its_errors_are_its_own(client: httpx.AsyncClient, server: Running, fake: FakeEngine) -> None:
    wrong = await client.post("/v1/say", json={"model": "demo"})
    assert (wrong.status_code, wrong.json()) == (400, {"oops": "say is required.", "where": "say"})
    other = await client.post("/v1/say", json=AGAIN | {"model": "other"})
    assert (other.status_code, other.json()["where"]) == (404, "model")
    fake.going.clear()
    inside = asyncio.create_task(client.post("/v1/say", json=AGAIN | {"aloud": True}))
    await server.has(running=1)
    full = await client.post("/v1/say", json=AGAIN)
    assert (full.status_code, set(full.json())) == (429, {"oops", "where"})
    assert int(full.headers["retry-after"]) > 0
    await asyncio.sleep(0.3)  # the stream's headers are out
    fake.die()
    *_, last, end = (await inside).text.split("\n\n")
    assert last.startswith("event: error\ndata: ")
    assert (set(json.loads(last.split("data: ")[1])), end) == ({"oops", "where"}, "")


async def test_it_is_described(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["paths"]["/v1/say"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"model", "say", "aloud"}
