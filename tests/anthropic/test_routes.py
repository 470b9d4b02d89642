"""Anthropic's routes from the outside, on the fake engine: answers, errors in every case, and seats given back."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from anthropic.types import Message

from sluice.anthropic.messages.models import CountTokensRequest
from sluice.api.tokenizing import AT_ONCE
from sluice.engine.base import Chat, Constraint, Prompt, Rendered
from sluice.errors import InvalidRequest
from tests.anthropic.stream import events, put_together
from tests.api.test_rules import ADA
from tests.conftest import Running, Serve
from tests.fake import CONTEXT, EXITS, FakeEngine
from tests.served import OPERATORS

PATH, COUNTING = "/v1/messages", "/v1/messages/count_tokens"
CONVERSATION: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
BODY = CONVERSATION | {"max_tokens": 100}
ENDLESS = BODY | {"messages": [{"role": "user", "content": "Count from 1 to 2000"}], "max_tokens": 4000, "stream": True}
SETTINGS = {"http": {"max_body_bytes": 200_000, "body_timeout": 0.3}}
AS_JSON = {"content-type": "application/json"}
CLAUDE_CODE = {
    "x-api-key": "sk-none", "anthropic-version": "2023-06-01", "anthropic-dangerous-direct-browser-access": "true",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "x-app": "cli", "user-agent": "claude-cli/2.1.0 (external, cli)",
}  # fmt: skip


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, SETTINGS | EXITS, concurrency=1, max_concurrency=1) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and type. Raises AssertionError if it is not Anthropic's object."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert (set(body), body["type"]) == ({"type", "error"}, "error")
    error = body["error"]
    assert set(error) - {"details"} == {"type", "message"}
    assert error["message"]
    return answer.status_code, error["type"]


async def test_whole_and_streamed_say_the_same(client: httpx.AsyncClient) -> None:
    whole = Message.model_validate_json((await client.post(PATH, json=BODY)).text, strict=True)
    answer = await client.post(PATH, json=BODY | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    streamed = put_together(found)
    assert [block.to_dict() for block in streamed.content] == [{"type": "text", "text": "1 2 3"}]
    assert streamed.id != whole.id
    assert streamed.to_dict() | {"id": whole.id, "usage": whole.usage.to_dict()} == whole.to_dict()
    assert whole.usage.to_dict() == {
        "input_tokens": 1, "output_tokens": 6, "cache_creation_input_tokens": 16, "cache_read_input_tokens": 0,
    }  # fmt: skip
    assert streamed.usage.to_dict() == {
        "input_tokens": 1, "output_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 16,
    }  # fmt: skip
    assert found[0].message.usage.input_tokens == 17
    assert sum(each.type == "content_block_delta" for each in found) == 5  # the last token has no text
    assert "[DONE]" not in answer.text


async def test_a_stream_that_is_late_says_the_same(client: httpx.AsyncClient, fake: FakeEngine) -> None:
    fake.pace.is_late = True
    answer = await client.post(PATH, json=BODY | {"stream": True})
    assert put_together(events(answer.text)).content[0].to_dict()["text"] == "1 2 3"


async def test_max_tokens(client: httpx.AsyncClient) -> None:
    cut = (await client.post(PATH, json=BODY | {"max_tokens": 2})).json()
    assert (cut["content"][0]["text"], cut["stop_reason"], cut["usage"]["output_tokens"]) == ("1 ", "max_tokens", 2)
    shortened = await client.post(PATH, json=BODY | {"max_tokens": CONTEXT})
    assert shortened.json()["stop_reason"] == "end_turn"
    alone = await client.post(PATH, json=BODY | {"max_tokens": 32000})
    assert error_of(alone) == (400, "invalid_request_error")
    told = alone.json()["error"]["message"]
    assert told.startswith(f"This model's maximum context length is {CONTEXT} tokens")
    assert "(max_tokens)" in told


async def test_what_claude_code_sends(client: httpx.AsyncClient) -> None:
    """But for the length: its max_tokens wants a larger model."""
    tools = [
        {"name": f"Tool{number}", "description": "Does.", "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False,
            "properties": {"path": {"type": "string"}}, "required": ["path"],
        }}
        for number in range(24)
    ]  # fmt: skip
    cached = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    said = [{"type": "text", "text": "Count from 1 to 3", **cached}]
    reminder = {"role": "system", "content": [{"type": "text", "text": "Remember.", **cached}]}
    called = [
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "tool_use", "id": "toolu_1", "name": "Tool1", "input": {"path": "/"}, "caller": {"type": "direct"}},
    ]
    found = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "-"}], **cached}]
    history = [
        {"role": "user", "content": said}, reminder, {"role": "assistant", "content": called},
        {"role": "user", "content": found},
    ]  # fmt: skip
    conversation = {
        "model": "demo", "messages": history, "tools": tools, "thinking": {"type": "adaptive"},
        "system": [{"type": "text", "text": "x-anthropic-billing-header: 1"}, *said],
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium"},
    }  # fmt: skip
    body = conversation | {"max_tokens": 3200, "stream": True, "metadata": {"user_id": "user_1_account__session_2"}}
    answer = await client.post(f"{PATH}?beta=true", json=body, headers=CLAUDE_CODE)
    assert put_together(events(answer.text)).content[0].to_dict()["text"] == "1 2 3"
    counted = await client.post(f"{COUNTING}?beta=true", json=conversation, headers=CLAUDE_CODE)
    assert counted.status_code == 200, counted.text


async def test_counting_takes_no_seat(client: httpx.AsyncClient, server: Running, fake: FakeEngine) -> None:
    fake.going.clear()
    inside = asyncio.create_task(client.post(PATH, json=BODY))
    await server.has(running=1)
    packed = gzip.compress(json.dumps(CONVERSATION | {"system": "Hm."}).encode())
    for content, headers, tokens in (
        (json.dumps(CONVERSATION), AS_JSON, 17),
        (packed, AS_JSON | {"content-encoding": "gzip"}, 21),
        (json.dumps(CONVERSATION | {"system": "x" * 100_000}), AS_JSON, 100_018),  # read on a thread
    ):
        counted = await client.post(COUNTING, content=content, headers=headers)
        assert (counted.status_code, counted.json()) == (200, {"input_tokens": tokens})
    assert error_of(await client.post(PATH, json=BODY)) == (429, "overloaded_error")
    assert (await server.status())["admitted"] == 1
    fake.going.set()
    assert (await inside).status_code == 200


class Slow(FakeEngine):
    """Renders when it is told to; `peak`: how many at once. `is_busy` once it has all that may be."""

    def __init__(self) -> None:
        super().__init__()
        self.going.clear()
        self.rendering = self.peak = 0
        self.is_busy = asyncio.Event()

    async def wait(self) -> None:
        self.rendering += 1
        self.peak = max(self.peak, self.rendering)
        if self.rendering == AT_ONCE + 1:
            self.is_busy.set()
        await self.going.wait()
        self.rendering -= 1

    async def render(self, prompt: Prompt, constraint: Constraint | None = None, *more: Any) -> Rendered:
        await self.wait()
        return await super().render(prompt, constraint, *more)

    async def tokenize(self, prompt: Chat | str, *more: Any) -> list[int]:
        await self.wait()
        return await super().tokenize(prompt, *more)


async def test_few_are_counted_at_once(serve: Serve) -> None:
    """What nobody pays for with a seat leaves the threads to those who do."""
    slow = Slow()
    async with serve(slow) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        counting = asyncio.gather(*(client.post(COUNTING, json=CONVERSATION) for _ in range(9)))
        generating = asyncio.create_task(client.post(PATH, json=BODY))
        await asyncio.wait_for(slow.is_busy.wait(), 20)
        slow.going.set()
        assert {answer.json()["input_tokens"] for answer in await counting} == {17}
        assert (await generating).status_code == 200
        assert slow.peak == AT_ONCE + 1


async def test_what_nobody_knows_is_told(client: httpx.AsyncClient) -> None:
    for path, body in ((PATH, BODY), (COUNTING, CONVERSATION)):
        answer = await client.post(path, json=body | {"colour": "red"})
        assert (answer.status_code, answer.headers["x-sluice-ignored"]) == (200, "colour")


BODIES = {PATH: BODY, COUNTING: CONVERSATION}
BOTH = pytest.mark.parametrize("path", [PATH, COUNTING])


@BOTH
@pytest.mark.parametrize(
    ("fields", "headers", "error"),
    [
        ({"messages": []}, AS_JSON, (400, "invalid_request_error")),
        ({"model": "other"}, AS_JSON, (404, "not_found_error")),
        ({}, {"content-type": "text/plain"}, (415, "invalid_request_error")),
        ({}, AS_JSON | {"content-encoding": "br"}, (415, "invalid_request_error")),
        ({}, AS_JSON | {"content-encoding": "gzip"}, (400, "invalid_request_error")),
        ({"system": "x" * 200_000}, AS_JSON, (413, "request_too_large")),
    ],
)
async def test_errors_are_anthropics(
    client: httpx.AsyncClient, path: str, fields: dict[str, Any], headers: dict[str, str], error: tuple[int, str]
) -> None:
    answer = await client.post(path, content=json.dumps(BODIES[path] | fields), headers=headers)
    assert error_of(answer) == error


@BOTH
async def test_what_is_no_json_and_no_post(client: httpx.AsyncClient, path: str) -> None:
    assert error_of(await client.post(path, content=b"{", headers=AS_JSON)) == (400, "invalid_request_error")
    other = await client.get(path)
    assert (error_of(other), other.headers["allow"]) == ((405, "not_found_error"), "POST")


@pytest.mark.parametrize("path", [f"{PATH}/batches", f"{PATH}/count_tokens/more", f"{PATH}//nothing/"])
async def test_what_is_not_there_is_told_in_the_same_way(client: httpx.AsyncClient, path: str) -> None:
    assert error_of(await client.post(path, json=BODY)) == (404, "not_found_error")
    assert set((await client.post("/v1/messages_of_others", json=BODY)).json()) == {"error"}


@BOTH
async def test_a_slow_body(server: Running, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
    writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(await reader.readuntil(b"}}"))["type"] == "error"
    writer.close()


@BOTH
@pytest.mark.parametrize("transport", ["accelerated"])
async def test_chunks_that_are_none(server: Running, path: str) -> None:
    """The HTTP is ours under the accelerator only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
    writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert json.loads(await reader.read())["error"]["type"] == "invalid_request_error"
    writer.close()


@BOTH
async def test_a_key_is_needed(serve: Serve, fake: FakeEngine, path: str) -> None:
    async with serve(fake, ADA | OPERATORS) as server, httpx.AsyncClient(base_url=server.url) as client:
        for headers in ({}, {"x-api-key": "sk-bob"}, {"authorization": "Bearer sk-bob"}):
            assert error_of(await client.post(path, json=BODIES[path], headers=headers)) == (
                401,
                "authentication_error",
            )
        for headers in ({"x-api-key": "sk-ada"}, {"authorization": "Bearer sk-ada"}):
            assert (await client.post(path, json=BODIES[path], headers=headers)).status_code == 200


@BOTH
async def test_a_server_that_is_not_ready(serve: Serve, fake: FakeEngine, path: str) -> None:
    async with serve(fake, EXITS) as server, httpx.AsyncClient(base_url=server.url) as client:
        fake.die()
        await server.lifecycle.failed.wait()
        answer = await client.post(path, json=BODY)
        assert error_of(answer) == (503, "overloaded_error")


@BOTH
async def test_a_mistake_of_ours(serve: Serve, path: str) -> None:
    class Broken(FakeEngine):
        async def tokens_of(self, prompt: Prompt) -> list[int]:
            raise ZeroDivisionError

    async with serve(Broken()) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert error_of(await client.post(path, json=BODIES[path])) == (500, "api_error")


@BOTH
async def test_what_the_template_refuses(serve: Serve, path: str) -> None:
    class Refusing(FakeEngine):
        async def tokens_of(self, prompt: Prompt) -> list[int]:
            raise InvalidRequest("No template for that.", param="messages")

    async with serve(Refusing()) as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(path, json=BODIES[path])
        assert error_of(answer) == (400, "invalid_request_error")
        assert answer.json()["error"]["message"] == "No template for that. (messages)"


async def test_no_seat_is_429_and_says_when_to_come_back(
    client: httpx.AsyncClient, server: Running, fake: FakeEngine
) -> None:
    fake.going.clear()
    inside = asyncio.create_task(client.post(PATH, json=BODY))
    await server.has(running=1)
    refused = await client.post(PATH, json=BODY)
    assert error_of(refused) == (429, "overloaded_error")
    assert int(refused.headers["retry-after"]) > 0
    fake.going.set()
    assert (await inside).status_code == 200


async def test_a_stream_that_fails_ends_with_an_error_event(client: httpx.AsyncClient, fake: FakeEngine) -> None:
    fake.seconds_a_token = 0.01
    async with client.stream("POST", PATH, json=ENDLESS) as answer:
        lines = (line async for line in answer.aiter_lines() if line)
        async for line in lines:
            if '"text":"3"' in line:
                fake.die()
                break
        *_, name, data = [line async for line in lines]
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "The engine died.", "details": {"error_code": "failed"}},
    }


@pytest.mark.parametrize("stream", [True, False])
async def test_who_hangs_up_gives_its_seat_back(
    client: httpx.AsyncClient, server: Running, fake: FakeEngine, stream: bool
) -> None:
    fake.seconds_a_token = 0.01
    asking = asyncio.create_task(client.post(PATH, json=ENDLESS | {"stream": stream}))
    await server.has(running=1)
    asking.cancel()
    await server.is_empty()
    assert (await server.status())["finished"]["aborted"] == 1
    assert fake.live == {}
    assert (await client.post(PATH, json=BODY)).status_code == 200


async def test_they_are_described(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["paths"]
    for path in (PATH, COUNTING):
        content = described[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert {"messages", "model", "tools", "system"} <= set(content["properties"])
        [example] = content["examples"]
        CountTokensRequest.model_validate({key: example[key] for key in ("model", "messages")})
        assert (await client.post(path, json=example)).status_code == 200
