"""Tenants from the outside: who they are, what they may, and that none of them pays for another's greed."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.api.in_time import Asking, InTime, Start
from tests.conftest import Running, Serve
from tests.fake import FakeEngine
from tests.served import OPERATOR, OPERATORS
from tests.test_lifecycle import counting

BODY = counting(3, stream=False)


def tenants(**limits: dict[str, Any]) -> dict[str, Any]:
    """A tenant for each name, its key being `sk-NAME`, and an operator."""
    source = {name: "sha256:" + hashlib.sha256(f"sk-{name}".encode()).hexdigest() for name in limits}
    return {"tenants": [{"name": name, "keys": [source[name]]} | limit for name, limit in limits.items()]} | OPERATORS


def client(server: Running, name: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer sk-{name}"}
    return httpx.AsyncClient(base_url=server.url, timeout=60, headers=headers, limits=limits)


async def ask(server: Running, name: str, body: dict[str, Any] = BODY) -> httpx.Response:
    async with client(server, name) as asking:
        return await asking.post("/v1/chat/completions", json=body)


async def test_a_key_is_asked_for_where_there_are_tenants(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, tenants(ada={})) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as stranger:
        for headers in ({}, {"Authorization": "Bearer sk-bob"}, {"x-api-key": "sk-"}):
            for answer in (
                await stranger.post("/v1/chat/completions", content=b"no JSON", headers=headers),
                await stranger.get("/v1/models", headers=headers),
            ):
                error = answer.json()["error"]
                assert (answer.status_code, error["type"], error["code"]) == (
                    401, "authentication_error", "invalid_api_key"
                )  # fmt: skip
        assert (await ask(server, "ada")).status_code == 200
        other = await stranger.post("/v1/chat/completions", json=BODY, headers={"x-api-key": "sk-ada"})
        assert other.status_code == 200
        assert (await server.status())["finished"]["finished"] == 2


async def test_its_own_seats(serve: Serve, fake: FakeEngine) -> None:
    fake.going.clear()
    async with serve(fake, tenants(ada={"max_concurrency": 2}, bob={}), max_concurrency=10) as server:
        inside = [asyncio.create_task(ask(server, "ada")) for _ in range(2)]
        await server.has(admitted=2)
        refused = await ask(server, "ada")
        error = refused.json()["error"]
        assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "max_concurrency")
        assert int(refused.headers["retry-after"]) >= 1
        too_many = await ask(server, "ada", BODY | {"n": 3})
        assert too_many.status_code == 429
        inside.append(asyncio.create_task(ask(server, "bob")))
        await server.has(admitted=3)
        status = await server.status()
        assert status["tenants"] == {"ada": 2, "bob": 1}
        assert status["rejected"]["tenant_max_concurrency"] == 2
        fake.going.set()
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}
        never = await ask(server, "ada", BODY | {"n": 3})
        assert (never.status_code, never.json()["error"]["param"]) == (400, "n")
        assert (await server.status())["tenants"] == {"ada": 0, "bob": 0}


def post(server: InTime, name: str, body: dict[str, Any] = BODY, **headers: str) -> Asking:
    return server.ask(body, {"x-api-key": f"sk-{name}"} | headers)


def test_requests_a_minute(in_time: Start) -> None:
    with in_time(settings=tenants(ada={"requests_per_minute": 3})) as server:
        answers = [post(server, "ada") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [answer.header("x-ratelimit-limit-requests") for answer in answers] == ["3"] * 4
        assert [answer.header("x-ratelimit-remaining-requests") for answer in answers] == ["2", "1", "0", "0"]
        assert answers[-1].error() == (429, "rate_limit_error", "requests_per_minute")
        wait = int(answers[-1].header("retry-after"))
        assert 10 < wait <= 20
        assert server.controller.rejected["requests_per_minute"] == 1
        server.advance(20)
        assert post(server, "ada").status == 200


def test_tokens_a_minute_with_what_was_not_used_given_back(in_time: Start) -> None:
    """A prompt of 17 tokens and an answer of at most 50, of which it takes 6: 23 are used."""
    body = BODY | {"max_tokens": 50}
    with in_time(settings=tenants(ada={"tokens_per_minute": 100})) as server:
        first = post(server, "ada", body)
        used = first.content()["usage"]["total_tokens"]
        assert used == 23
        assert first.header("x-ratelimit-limit-tokens") == "100"
        assert first.header("x-ratelimit-remaining-tokens") == "33"
        server.engine.going.clear()
        second = post(server, "ada", body)
        refused = post(server, "ada", body)
        assert refused.error() == (429, "rate_limit_error", "tokens_per_minute")
        server.engine.going.set()
        server.loop.settle()
        assert second.header("x-ratelimit-remaining-tokens") == str(100 - used - 67)
        server.advance(15)
        assert post(server, "ada", body).header("x-ratelimit-remaining-tokens") == str(100 - 2 * used + 25 - 67)
        never = post(server, "ada", BODY | {"max_tokens": 200})
        assert (never.status, never.content()["error"]["param"]) == (400, "max_tokens")


def test_what_is_not_begun_costs_nothing(in_time: Start) -> None:
    with in_time(settings=tenants(ada={"tokens_per_minute": 100}, bob={}), concurrency=1) as server:
        server.engine.going.clear()
        first, body = post(server, "bob"), BODY | {"max_tokens": 50}
        expired = post(server, "ada", body, **{"x-request-timeout": "5"})
        assert server.inside() == (2, 1, 1)
        server.advance(5.1)
        assert expired.error() == (503, "overloaded_error", "queue_timeout")
        server.engine.going.set()
        server.loop.settle()
        assert first.verdict() == "whole"
        assert post(server, "ada", body).header("x-ratelimit-remaining-tokens") == "33"


async def order_of(server: Running, fake: FakeEngine, asks: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Who is answered when, of requests that arrive in this order while one holds the only place."""
    finished = list[str]()

    async def one(name: str, body: dict[str, Any]) -> None:
        answer = await ask(server, name, body)
        assert answer.status_code == 200
        finished.append(name)

    fake.going.clear()
    tasks = []
    for number, (name, body) in enumerate(asks):
        tasks.append(asyncio.create_task(one(name, body)))
        await server.has(admitted=number + 1, running=1)
    fake.going.set()
    await asyncio.gather(*tasks)
    return finished


async def test_a_polite_tenant_does_not_wait_behind_a_greedy_one(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, tenants(greedy={}, polite={}), concurrency=1) as server:
        asks = [("greedy", counting(20, stream=False))] * 12 + [("polite", BODY)] * 2
        assert (await order_of(server, fake, asks)).index("polite") <= 1


async def test_flex_waits_until_nobody_else_does(serve: Serve, fake: FakeEngine) -> None:
    flex = BODY | {"service_tier": "flex"}
    async with serve(fake, tenants(batch={}, now={"classes": ["interactive"]}), concurrency=1) as server:
        asks = [("now", BODY), ("batch", flex), ("batch", flex), ("now", BODY), ("now", BODY)]
        assert await order_of(server, fake, asks) == ["now", "now", "now", "batch", "batch"]
        assert 'sluice_waiting{class="batch",tenant="batch"} 0.0' in await metrics_of(server)
        refused = await ask(server, "now", flex)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "service_tier")


async def metrics_of(server: Running) -> str:
    async with httpx.AsyncClient(base_url=server.url, headers=OPERATOR) as asking:
        return (await asking.get("/metrics")).text


async def test_a_key_is_in_no_answer(serve: Serve, fake: FakeEngine) -> None:
    async with serve(fake, tenants(ada={"max_concurrency": 1})) as server:
        answers = [(await ask(server, "bob-secret")).text, json.dumps(await server.status()), await metrics_of(server)]
        assert not any("secret" in answer or "sha256" in answer for answer in answers)


@pytest.mark.parametrize("enforce", [True, False])
async def test_limits_that_are_only_watched(serve: Serve, fake: FakeEngine, enforce: bool) -> None:
    async with serve(fake, tenants(ada={"requests_per_minute": 1}), enforce=enforce) as server:
        assert [(await ask(server, "ada")).status_code for _ in range(2)] == [200, 429 if enforce else 200]
        status = await server.status()
        assert status["would_reject"]["requests_per_minute"] == (not enforce)
