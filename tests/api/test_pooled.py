"""What is pooled is a sequence like any other: its seat, its place in the queue, its time, its tenant and its books."""

import re
from typing import Any

import httpx
import pytest

from tests.api.in_time import Start
from tests.api.test_access_log import ON, Log, asked
from tests.api.test_tenants import tenants
from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.served import OPERATOR

EMBED: dict[str, Any] = {"model": "demo", "input": ["Hi", "a"]}
RERANK: dict[str, Any] = {"model": "demo", "query": "q", "documents": ["aa", "a", "aaa"]}


def pooling() -> FakeEngine:
    return FakeEngine(tasks=["embed", "score"])


def test_an_input_waits_for_its_turn_and_not_for_ever(in_time: Start) -> None:
    with in_time(pooling(), concurrency=2, max_concurrency=5, queue_timeout=5, first_token_timeout=8) as server:
        server.engine.going.clear()
        first, late = server.ask(EMBED), server.ask(EMBED)
        assert server.inside() == (4, 2, 2)
        assert server.ask(EMBED).error() == (429, "overloaded_error", "max_concurrency")
        never = server.ask(EMBED | {"input": ["a"] * 6})
        assert (never.status, never.content()["error"]["param"]) == (400, "input")
        server.advance(5.1)
        assert late.error() == (503, "overloaded_error", "queue_timeout")
        server.advance(3)
        assert first.error() == (503, "overloaded_error", "first_token_timeout")
        server.engine.going.set()
        assert server.ask(EMBED).verdict() == "whole"
        assert server.engine.peak_live == 2


@pytest.mark.parametrize("running", [True, False])
def test_who_hangs_up_leaves_at_once(in_time: Start, running: bool) -> None:
    with in_time(pooling(), concurrency=2) as server:
        server.engine.going.clear()
        clients = [server.ask(EMBED), server.ask(EMBED)]
        clients[not running].hang_up()
        server.loop.settle()
        assert server.inside() == (2, 2, 0)
        assert server.controller.finished["aborted"] == 2


def test_it_is_its_tenants(in_time: Start) -> None:
    limits = {"requests_per_minute": 3, "tokens_per_minute": 10}
    with in_time(pooling(), tenants(ada=limits), concurrency=2) as server:
        ada = {"x-api-key": "sk-ada"}
        assert server.ask(EMBED).error() == (401, "authentication_error", "invalid_api_key")
        answer = server.ask(EMBED, ada)
        assert answer.header("x-ratelimit-remaining-tokens") == str(10 - 3)
        never = server.ask(EMBED | {"input": ["x" * 11]}, ada)
        assert (never.status, never.content()["error"]["param"]) == (400, "input")
        assert server.ask(EMBED | {"input": ["x" * 8]}, ada).error() == (429, "rate_limit_error", "tokens_per_minute")
        assert server.ask(EMBED, ada).error() == (429, "rate_limit_error", "requests_per_minute")


async def test_prompts_share_what_is_cached_with_the_same_salt_of_the_same_tenant(serve: Serve) -> None:
    engine = pooling()
    long = EMBED | {"input": "x" * 20}
    async with serve(engine, tenants(ada={}, bob={})) as server, httpx.AsyncClient(base_url=server.url) as client:
        for name, salt in (("ada", None), ("ada", "s"), ("bob", None)):
            headers = {"x-api-key": f"sk-{name}"}
            assert (await client.post("/v1/embeddings", json=long | {"cache_salt": salt}, headers=headers)).is_success
    assert {salt for salt, _ in engine.blocks} == {"ada\n", "ada\ns", "bob\n"}


async def test_it_is_in_the_books(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    ada = {"x-api-key": "sk-ada"}
    async with serve(pooling(), ON) as server, httpx.AsyncClient(base_url=server.url) as client:
        for path, body in (("/v1/embeddings", EMBED), ("/v1/rerank", RERANK), ("/v1/embeddings", {"model": "demo"})):
            await client.post(path, json=body, headers=ada)
        status = await server.status()
        told = (await client.get("/metrics", headers=OPERATOR)).text
        posted = [record for record in Log(capfd).records() if record["method"] == "POST"]
    assert (status["finished"]["finished"], status["finished"]["rejected"]) == (2 + 3, 1)
    counted = dict(re.findall(r"^sluice_(\w+)_seconds_count (\S+)", told, re.M))
    assert counted == {
        "request_queue_time": "5.0", "time_to_first_token": "2.0", "inter_token_latency": "0.0",
        "e2e_request_latency": "2.0",
    }  # fmt: skip
    names = ("status", "outcome", "tenant", "prompt_tokens", "completion_tokens")
    assert [asked(record, *names) for record in posted] == [
        (200, "finished", "ada", 3, 0), (200, "finished", "ada", 3, 0), (400, "rejected", "ada", 0, 0)
    ]  # fmt: skip
