"""The routes from the outside: answers, errors, and that nothing else gets in."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sluice.settings.models import DEMO
from tests.api.in_time import Start
from tests.conftest import Running, Serve
from tests.fake import FakeEngine

CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
TEXT = {"model": "demo", "prompt": "Count from 1 to 3"}
SETTINGS = {"served_model_name": ["demo", "alias"], "http": {"max_body_bytes": 2000}}


@pytest.fixture
async def server(serve: Serve, fake: FakeEngine) -> AsyncIterator[Running]:
    async with serve(fake, SETTINGS, concurrency=4, max_concurrency=8) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


def events(text: str) -> list[str]:
    assert text.endswith("\n\n")
    lines = text.removesuffix("\n\n").split("\n\n")
    assert all(line.startswith("data: ") for line in lines)
    return [line.removeprefix("data: ") for line in lines]


async def test_chat_whole_and_streamed_say_the_same(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/chat/completions", json=CHAT)).json()
    assert whole["choices"][0]["message"]["content"] == "1 2 3"
    assert whole["choices"][0]["finish_reason"] == "stop"
    answer = await client.post(
        "/v1/chat/completions", json=CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    parsed = [json.loads(chunk) for chunk in chunks]
    assert parsed[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    tokens = parsed[1:-1]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in tokens) == "1 2 3"
    assert parsed[-1]["choices"] == []
    assert whole["usage"]["prompt_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 16}
    cached = {"prompt_tokens_details": {"cached_tokens": 16, "cache_write_tokens": 0}}  # the second time
    assert parsed[-1]["usage"] == whole["usage"] | cached
    assert len(tokens) == whole["usage"]["completion_tokens"]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in parsed}) == 1


async def test_completions_take_several_prompts_and_n(client: httpx.AsyncClient) -> None:
    body = TEXT | {"prompt": ["Count from 1 to 2", "Count from 5 to 6"], "n": 2, "max_tokens": 10}
    whole = (await client.post("/v1/completions", json=body)).json()
    assert [(c["index"], c["text"]) for c in whole["choices"]] == [(0, "1 2"), (1, "1 2"), (2, "5 6"), (3, "5 6")]
    texts = dict.fromkeys(range(4), "")
    *chunks, done = events((await client.post("/v1/completions", json=body | {"stream": True})).text)
    for chunk in map(json.loads, chunks):
        texts[chunk["choices"][0]["index"]] += chunk["choices"][0]["text"]
    assert (list(texts.values()), done) == (["1 2", "1 2", "5 6", "5 6"], "[DONE]")


async def test_completions_end_after_16_tokens_by_default(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/v1/completions", json=TEXT | {"prompt": "Count from 1 to 100"})).json()
    assert (whole["usage"]["completion_tokens"], whole["choices"][0]["finish_reason"]) == (16, "length")


TOOL = {"type": "function", "function": {"name": "f"}}
TOO_LONG = "context_length_exceeded"
BAD: list[tuple[str, dict[str, Any], int, str, str | None, str | None]] = [
    ("/v1/chat/completions", CHAT | {"model": "other"}, 404, "not_found_error", "model", "model_not_found"),
    ("/v1/chat/completions", CHAT | {"temperature": 3}, 400, "invalid_request_error", "temperature", None),
    ("/v1/chat/completions", CHAT | {"tools": [{"type": "x"}]}, 400, "invalid_request_error", "tools.0", None),
    ("/v1/chat/completions", {"model": "demo"}, 400, "invalid_request_error", "messages", None),
    ("/v1/completions", TEXT | {"prompt": [2**30]}, 400, "invalid_request_error", None, None),
    ("/v1/completions", TEXT | {"prompt": ""}, 400, "invalid_request_error", "prompt", None),
    ("/v1/completions", TEXT | {"max_tokens": 5000}, 400, "invalid_request_error", "max_tokens", TOO_LONG),
    ("/v1/completions", TEXT | {"n": 9}, 400, "invalid_request_error", "n", None),
    ("/v1/completions", TEXT | {"user": "x" * 3000}, 413, "invalid_request_error", None, None),
    ("/v1/nothing", {}, 404, "not_found_error", None, "not_found"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case[0]}-{case[4]}")
async def test_errors_are_openais_object(client: httpx.AsyncClient, case: tuple[Any, ...]) -> None:
    path, body, status, kind, param, code = case
    for streamed in (body, body | {"stream": True}):
        answer = await client.post(path, json=streamed)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["param"], error["code"]) == (status, kind, param, code)
        assert error["message"]


async def test_what_a_client_wrote_is_told_in_part(client: httpx.AsyncClient) -> None:
    huge = "x" * 1500
    named = {"type": "function", "function": {"name": huge}}
    for method, path, body in (
        ("POST", "/v1/chat/completions", CHAT | {"model": huge}),
        ("POST", "/v1/chat/completions", CHAT | {"tools": [TOOL], "tool_choice": named}),
        ("GET", f"/v1/{huge}", None),
    ):
        error = (await client.request(method, path, json=body)).json()["error"]
        assert huge[:100] in error["message"]
        assert huge[:201] not in error["message"]
        assert len(error["param"] or "") <= 200


async def test_a_body_that_does_not_come_is_408(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, {"http": {"body_timeout": 0.2}}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
        writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_hangs_up_in_its_body_frees_its_seat(server: Running) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":")[-1]))
    writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await server.has(admitted=1)
    writer.close()
    await writer.wait_closed()
    await server.is_empty()
    assert (await server.status())["finished"]["aborted"] == 1


@pytest.mark.parametrize("body", [CHAT, CHAT | {"stream": True}, CHAT | {"n": 2}])
@pytest.mark.parametrize("phase", ["running", "waiting"])
async def test_hanging_up_aborts(serve: Serve, fake: FakeEngine, body: dict[str, Any], phase: str) -> None:
    fake.going.clear()
    async with serve(fake, concurrency=1) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        first = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
        await server.has(running=1)
        if phase == "running":
            first.cancel()
            await server.lifecycle.controller.empty.wait()
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        await server.has(**{phase: 1 if phase == "running" else body.get("n", 1)})
        asking.cancel()
        first.cancel()
        await server.is_empty()
        assert fake.live == {}
        assert (await server.status())["finished"]["finished"] == 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("phase", ["body", "waiting", "running"])
def test_who_hangs_up_has_left_at_once(in_time: Start, phase: str, stream: bool) -> None:
    with in_time(FakeEngine(seconds_a_token=1), concurrency=1) as server:
        first = server.ask(CHAT | {"stream": stream}) if phase == "waiting" else None
        client = server.ask(CHAT | {"stream": stream}, halves=phase == "body")
        server.advance(3)
        before = server.inside()
        client.hang_up()
        server.loop.settle()
        assert client.left.is_set()
        assert before == {"body": (1, 0, 0), "running": (1, 1, 0), "waiting": (2, 1, 1)}[phase]
        assert server.inside() == ((0, 0, 0) if first is None else (1, 1, 0))
        assert server.controller.finished["aborted"] == 1


async def test_probes_take_no_seat_and_are_never_refused(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    limits = {"concurrency": 1, "max_concurrency": 1}
    async with serve(fake, **limits) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        inside = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
        await server.has(running=1)
        for path in ("/livez", "/readyz", "/healthz", "/health", "/metrics", "/status", "/v1/models"):
            assert (await client.get(path)).status_code == 200, path
        assert (await server.status())["peak_admitted"] == 1
        metrics = (await client.get("/metrics")).text
        assert '\nsluice_running{class="interactive",tenant="anonymous"} 1.0\n' in metrics
        assert 'sluice_phase{phase="ready"} 1.0' in metrics
        fake.going.set()
        assert (await inside).status_code == 200


async def test_models(client: httpx.AsyncClient) -> None:
    cards = (await client.get("/v1/models")).json()["data"]
    assert [(card["id"], card["root"], card["max_model_len"]) for card in cards] == [
        ("demo", str(DEMO), 4096), ("alias", str(DEMO), 4096)
    ]  # fmt: skip
    assert (await client.post("/v1/chat/completions", json=CHAT | {"model": "alias"})).json()["model"] == "alias"


async def test_the_openapi_page_describes_the_bodies(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    schema = paths["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"messages", "temperature", "max_completion_tokens"} <= set(schema["properties"])
