"""Fair by tokens on the real engine: the bound of the paper holds between a greedy and a polite tenant."""

import asyncio
import time

from openai import AsyncOpenAI

from sluice.admission.entry import INPUT_WEIGHT, OUTPUT_WEIGHT
from tests.api.test_tenants import tenants
from tests.conftest import Serve, Started

CONCURRENCY, ANSWER = 4, 39
Service = list[tuple[float, float]]
"""When it came, and how much of it: tokens by their weights."""


async def count(client: AsyncOpenAI, service: Service) -> float:
    """Ask for an answer; returns when its first token came."""
    stream = await client.chat.completions.create(
        model="demo", stream=True, temperature=0, stream_options={"include_usage": True},
        messages=[{"role": "user", "content": "Count from 1 to 20."}],
    )  # fmt: skip
    first, tokens = None, 0
    async for chunk in stream:
        if chunk.usage:
            assert (chunk.usage.completion_tokens, tokens) == (ANSWER + 1, ANSWER)
            service.append((first or 0, INPUT_WEIGHT * chunk.usage.prompt_tokens))
        elif chunk.choices[0].delta.content:
            first = first or time.monotonic()
            tokens += 1
            service.append((time.monotonic(), OUTPUT_WEIGHT))
    assert first is not None
    return first


def received(service: Service, since: float, until: float) -> float:
    return sum(amount for moment, amount in service if since <= moment < until)


async def test_the_service_of_two_backlogged_tenants_differs_by_the_papers_bound_at_most(
    serve: Serve, vllm: Started
) -> None:
    """Theorem 4.4: 2 max(w_p L_input, w_q M), M being what the batch holds. First come, first served would break it."""
    service: dict[str, Service] = {"greedy": [], "polite": []}
    requests = {"greedy": 40, "polite": 12}
    async with serve(vllm, tenants(greedy={}, polite={}), concurrency=CONCURRENCY) as server, server.openai() as client:
        queue = server.lifecycle.controller.scheduler
        queue.resize(0)  # until all of them wait
        begins = {}
        for name, number in requests.items():
            own = client.with_options(api_key=f"sk-{name}")
            begins[name] = [asyncio.create_task(count(own, service[name])) for _ in range(number)]
        await server.has(waiting=sum(requests.values()))
        both_wait_since = time.monotonic()
        queue.resize(CONCURRENCY)
        polite = [await begin for begin in begins["polite"]]
        await asyncio.gather(*begins["greedy"])
    bound = 2 * OUTPUT_WEIGHT * CONCURRENCY * (ANSWER + 20)
    until = max(polite)
    assert received(service["greedy"], both_wait_since, until) > bound / 2
    moments = [both_wait_since + (until - both_wait_since) * part / 20 for part in range(21)]
    for index, since in enumerate(moments):
        for later in moments[index + 1 :]:
            both = [received(service[name], since, later) for name in service]
            assert abs(both[0] - both[1]) <= bound
