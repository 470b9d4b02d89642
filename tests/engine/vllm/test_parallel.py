"""Tensor and data parallelism on the CPU: two devices answer to the letter as one does.

Each engine is a server of its own: vLLM's metrics and the variables that it reads are one per process.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from sluice.engine.base import Chat, Sampling
from sluice.engine.gathered import Gathered
from tests.conftest import Started
from tests.process import QUICK, Process, started

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processor cores"),
]
PROMPTS = [
    "Count from 7 to 22.",
    "Count from 190 to 203.",
    "Repeat: the river is cold and the bread is warm",
    "Spell the word lantern.",
    "Reverse the word garden.",
    "What is 27 + 46?",
    "What is the capital of France?",
]


ENDLESS = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 3000."}]}


RANKS, WORKERS = ("tensor_parallel_size", 2, "spare=true"), ("workers", 2, "on_death=exit")
"""What there is two of, and what it is for when one of it dies."""


@pytest.fixture(scope="module", params=[RANKS, WORKERS], ids=lambda values: values[0])
async def parallel(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Process]]:
    key, number, setting = request.param
    async with started(
        "sluice", "serve", "configs/demo.yaml", "--set", "http.port=0", "--set", f"engine.{key}={number}",
        "--set", f"engine.{setting}",
        "--set", "traffic.concurrency=4", "--set", "traffic.max_concurrency=100", *QUICK,
    ) as server:  # fmt: skip
        await server.readiness("ready", within=500)
        yield key, server


async def one_rank(vllm: Started, prompt: str) -> str:
    tokens = await vllm.engine.render(Chat([{"role": "user", "content": prompt}]))
    gathered = Gathered()
    vllm.engine.submit(prompt, tokens, Sampling(temperature=0.0, max_tokens=500), gathered)
    return "".join(delta.text for delta in await gathered.all())


async def ask(client: httpx.AsyncClient, prompt: str) -> str:
    body = {"model": "demo", "temperature": 0, "max_tokens": 500, "messages": [{"role": "user", "content": prompt}]}
    answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


def by_engine(metrics: str, name: str) -> dict[str, float]:
    """A counter of vLLM's, for each of its workers."""
    return {
        match[1]: float(match[2])
        for match in re.finditer(rf'^vllm:{name}{{[^}}]*engine="(\d+)"[^}}]*}} (\S+)$', metrics, re.MULTILINE)
    }


async def test_it_answers_as_one_rank_does(parallel: tuple[str, Process], vllm: Started) -> None:
    key, server = parallel
    wanted = [await one_rank(vllm, prompt) for prompt in PROMPTS]
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
        alone = [await ask(client, prompt) for prompt in PROMPTS]
        together = await asyncio.gather(*(ask(client, prompt) for prompt in PROMPTS * 2))
        metrics = (await client.get("/metrics")).text
    assert alone == wanted
    assert together == wanted * 2
    assert all(wanted)
    status: dict[str, Any] = await server.status()
    assert (status["concurrency"], status["peak_running"]) == (4, 4)
    generated = by_engine(metrics, "generation_tokens_total")
    assert set(generated) == ({"0", "1"} if key == "workers" else {"0"})
    assert all(generated.values()), "a worker got nothing to do"
    assert server.addresses() <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("parallel", [RANKS], indirect=True, ids=["tensor_parallel_size"])
async def test_an_engine_whose_rank_dies_is_replaced_by_the_spare(parallel: tuple[str, Process], vllm: Started) -> None:
    _, server = parallel
    wanted = [await one_rank(vllm, prompt) for prompt in PROMPTS]
    ranks = server.family()  # those of the spare one may be among them already
    await server.line("A spare engine is ready", within=500)
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
        asking = [asyncio.create_task(ask(client, prompt)) for prompt in PROMPTS * 2]
        await server.has(running=4)
        victim = min((rank for rank in ranks if "Worker" in rank.name()), key=psutil.Process.create_time)
        victim.kill()
        assert await asyncio.gather(*asking) == wanted * 2
        metrics = (await client.get("/metrics")).text
    assert (await server.status())["engine_restarts"] == 1
    took = float((await server.line(r"streams go on after (\S+) s", within=0.1))[1])
    assert took < 20  # on a machine of its own less than 3: nothing was loaded
    assert by_engine(metrics, "generation_tokens_total")["0"] > 0
    assert psutil.wait_procs([victim], timeout=5)[1] == []


@pytest.mark.parametrize("parallel", [WORKERS], indirect=True, ids=["workers"])
async def test_a_server_ends_with_its_engine_if_it_is_told_to(parallel: tuple[str, Process]) -> None:
    _, server = parallel
    ranks = server.family()
    victim = next(rank for rank in ranks if "EngineCore" in rank.name())
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
        client.stream("POST", "/v1/chat/completions", json=ENDLESS | {"stream": True}) as streamed,
    ):
        events = (line async for line in streamed.aiter_lines() if line)
        await anext(events)
        asking = [asyncio.create_task(client.post("/v1/chat/completions", json=ENDLESS)) for _ in range(7)]
        await server.has(running=4, waiting=4)
        victim.kill()
        *_, last = [event async for event in events]
        answers = await asyncio.gather(*asking)
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    for told in (last.removeprefix("data: "), *(answer.text for answer in answers)):
        error = json.loads(told)["error"]
        assert (error["code"], error["message"]) == ("failed", "The engine died.")
    assert await server.exit_code(within=60) == 1
    assert "sluice: The engine died." in server.lines  # vLLM may have a word after it
    assert psutil.wait_procs(ranks, timeout=5)[1] == []
