"""Responses over the wire, from the fake engine: streamed and whole, refused, cut off, given up on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from openai import APIError

from sluice.engine.base import Constraint, Prompt, Rendered
from sluice.engine.parser import CallDelta, Parsed
from sluice.errors import InvalidRequest
from tests.conftest import Running, Serve
from tests.fake import CONTEXT, EXITS, FakeEngine
from tests.openai.responses.told import Told, events_of, names

COUNT: dict[str, Any] = {"model": "demo", "input": "Count from 1 to 5."}
LONG: dict[str, Any] = {"model": "demo", "input": "Count from 1 to 900.", "stream": True}
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "name": "f"}]}


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, EXITS, concurrency=1, max_concurrency=1) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


async def test_streamed_and_whole_say_the_same(client: httpx.AsyncClient) -> None:
    streamed = await client.post("/v1/responses", json=COUNT | {"stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    told = Told(streamed.content)
    [part] = told.items[0]["content"]
    assert (part["text"], told.response["status"]) == ("1 2 3 4 5", "completed")
    used = told.response["usage"]
    assert (used["input_tokens"], used["output_tokens"]) == (len(COUNT["input"]), 10)
    deltas = [event for event in told.events if event["type"] == "response.output_text.delta"]
    assert len(deltas) == 9  # its end has no text
    whole = (await client.post("/v1/responses", json=COUNT)).json()
    own = {"id", "created_at", "completed_at", "output", "usage"}
    assert {key: whole[key] for key in whole if key not in own} == {
        key: told.response[key] for key in told.response if key not in own
    }
    assert (whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]) == (len(COUNT["input"]), 10)
    assert whole["output"][0]["content"] == told.items[0]["content"]
    assert (whole["id"][:5], whole["output"][0]["id"][:4], len(whole["id"])) == ("resp_", "msg_", 37)


async def test_logprobs_are_told_where_they_are_asked_for(client: httpx.AsyncClient) -> None:
    asked = COUNT | {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    told = Told((await client.post("/v1/responses", json=asked | {"stream": True})).content)
    whole = (await client.post("/v1/responses", json=asked)).json()
    [part] = whole["output"][0]["content"]
    assert part == told.items[0]["content"][0]
    assert [entry["token"] for entry in part["logprobs"]] == ["1", " ", "2", " ", "3", " ", "4", " ", "5", ""]
    assert {len(entry["top_logprobs"]) for entry in part["logprobs"]} == {2}


async def test_what_is_longer_than_asked_for_is_incomplete(client: httpx.AsyncClient) -> None:
    asked = COUNT | {"max_output_tokens": 3}
    told = Told((await client.post("/v1/responses", json=asked | {"stream": True})).content)
    whole = (await client.post("/v1/responses", json=asked)).json()
    for each in (told.response, whole):
        assert (each["status"], each["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (each["output"][0]["status"], each["output"][0]["content"][0]["text"]) == ("incomplete", "1 2")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": "x" * CONTEXT}, "input", "context_length_exceeded"),
        ({"max_output_tokens": CONTEXT + 1}, "max_output_tokens", "context_length_exceeded"),
        ({"min_tokens": CONTEXT}, "min_tokens", "context_length_exceeded"),
        ({"background": True}, "background", None),
        ({"previous_response_id": "resp_1"}, "previous_response_id", None),
    ],
)
async def test_what_is_refused_is_told_by_its_own_name(
    client: httpx.AsyncClient, fields: dict[str, Any], param: str, code: str | None
) -> None:
    for stream in (False, True):
        refused = await client.post("/v1/responses", json=COUNT | fields | {"stream": stream})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


class Picky(FakeEngine):
    async def render(self, prompt: Prompt, constraint: Constraint | None = None, *more: Any) -> Rendered:
        raise InvalidRequest("That is no schema.", param="response_format")


async def test_what_the_engine_refuses_is_told_by_its_own_name(serve: Serve) -> None:
    async with serve(Picky()) as server, httpx.AsyncClient(base_url=server.url) as client:
        refused = await client.post("/v1/responses", json=COUNT | {"text": {"format": {"type": "json_object"}}})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "text.format")


async def test_a_full_server_and_an_unknown_model_are_openais_errors(
    client: httpx.AsyncClient, server: Running, fake: FakeEngine
) -> None:
    unknown = await client.post("/v1/responses", json=COUNT | {"model": "other"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    fake.going.clear()
    inside = asyncio.create_task(client.post("/v1/responses", json=COUNT))
    await server.has(running=1)
    full = await client.post("/v1/responses", json=COUNT)
    assert (full.status_code, full.json()["error"]["code"]) == (429, "max_concurrency")
    assert int(full.headers["retry-after"]) > 0
    fake.going.set()
    assert (await inside).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_who_hangs_up_frees_the_seat(
    client: httpx.AsyncClient, server: Running, fake: FakeEngine, stream: bool
) -> None:
    fake.going.clear()
    asking = asyncio.create_task(client.post("/v1/responses", json=LONG | {"stream": stream}))
    await server.has(running=1)
    asking.cancel()
    await server.is_empty()
    assert Counter((await server.status())["finished"]) == Counter(aborted=1)
    assert fake.live == {}
    fake.going.set()
    assert (await client.post("/v1/responses", json=COUNT)).status_code == 200


async def test_who_hangs_up_in_the_middle_of_a_stream_frees_the_seat(
    client: httpx.AsyncClient, server: Running, fake: FakeEngine
) -> None:
    fake.seconds_a_token = 0.01
    async with client.stream("POST", "/v1/responses", json=LONG) as stream:
        async for line in stream.aiter_lines():
            if line == "event: response.output_text.delta":
                break
    await server.is_empty()
    assert Counter((await server.status())["finished"]) == Counter(aborted=1)
    fake.seconds_a_token = 0


async def test_what_fails_under_way_is_told(client: httpx.AsyncClient, server: Running, fake: FakeEngine) -> None:
    fake.seconds_a_token = 0.01
    raw = b""
    async with client.stream("POST", "/v1/responses", json=LONG) as stream:
        async for chunk in stream.aiter_bytes():
            raw += chunk
            if raw.count(b"event: response.output_text.delta") == 3:
                fake.die()
    *begun, error, failed = events_of(raw)
    assert {"created", "in_progress", "output_text.delta"} <= set(names(begun))
    assert not {"completed", "incomplete", "output_item.done"} & set(names(begun))
    assert (error["type"], error["code"], error["error"]["code"]) == ("error", "failed", "failed")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["message"] == error["message"] == "The engine died."


async def test_the_sdk_raises_what_fails_under_way(server: Running, fake: FakeEngine) -> None:
    fake.seconds_a_token = 0.01
    kinds = list[str]()

    async def read() -> None:
        async for event in await server.openai().responses.create(model="demo", input=LONG["input"], stream=True):
            kinds.append(event.type)
            if kinds.count("response.output_text.delta") == 3:
                fake.die()

    with pytest.raises(APIError, match=r"The engine died\."):
        await read()
    assert "response.output_text.delta" in kinds


class Reader:
    """What an engine's parser would find: thoughts in round brackets, then what the model says, then a call."""

    def __init__(self) -> None:
        self.calls = 0

    def piece(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        word = text.strip()
        if word.startswith("("):
            return Parsed("", word.strip("()"))
        if word.startswith("f("):
            self.calls += 1
            return Parsed("", "", (CallDelta(0, "{}", "call-1", "f"),))
        return Parsed(text)

    def whole(self, text: str, ids: Sequence[int]) -> Parsed:
        thought, said, call = text.split(" ", 2)
        assert call == "f()"
        return Parsed(f"{said} ", thought.strip("()"), (CallDelta(0, "{}", "call-1", "f"),))

    def reasoning_tokens(self, ids: Sequence[int]) -> int:
        return 1


class Thinking(FakeEngine):
    async def render(self, prompt: Prompt, constraint: Constraint | None = None, *more: Any) -> Rendered:
        rendered = await super().render(prompt, constraint, *more)
        return Rendered(rendered.tokens, Reader)


@pytest.mark.parametrize("logprobs", [False, True])
async def test_thoughts_and_calls_come_as_items(serve: Serve, logprobs: bool) -> None:
    asked = {"model": "demo", "input": "(Hm) One f()", **TOOLS}
    if logprobs:
        asked |= {"include": ["message.output_text.logprobs"]}
    async with serve(Thinking()) as server, httpx.AsyncClient(base_url=server.url) as client:
        told = Told((await client.post("/v1/responses", json=asked | {"stream": True})).content)
        whole = (await client.post("/v1/responses", json=asked)).json()
    assert [item["type"] for item in told.items] == ["reasoning", "message", "function_call"]
    assert told.items[0]["content"][0]["text"] == "Hm"
    [part] = told.items[1]["content"]
    assert (part["text"], [each["token"] for each in part["logprobs"]]) == ("One ", ["One "] if logprobs else [])
    assert (told.items[2]["name"], told.items[2]["arguments"]) == ("f", "{}")
    for each in (whole, told.response):
        assert each["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}
    assert [item | {"id": 0} for item in whole["output"]] == [item | {"id": 0} for item in told.items]
