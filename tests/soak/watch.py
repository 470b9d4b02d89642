"""What a server takes of its machine, looked at once a second."""

import asyncio
import re
import time
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import httpx
import psutil

from tests.process import Process
from tests.served import OPERATOR

EVERY_S = 1.0


class Sample(NamedTuple):
    """At a moment of `time.monotonic`. `memory`: MiB of the front end alone. `pause`: seconds that `/livez` took."""

    moment: float
    memory: float
    descriptors: int
    threads: int
    admitted: int
    running: int
    pause: float


@dataclass(frozen=True)
class Base:
    """What is there when nobody is inside. `cache`: of the engine's KV cache, the share that is used."""

    descriptors: int
    threads: int
    processes: int
    cache: float


async def look(server: Process) -> Sample:
    process = psutil.Process(server.process.pid)
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        await client.get("/livez")
    pause, status = time.monotonic() - began, await server.status()
    with process.oneshot():
        memory, threads = process.memory_info().rss / 2**20, process.num_threads()
    return Sample(began, memory, process.num_fds(), threads, status["admitted"], status["running"], pause)


async def watch(server: Process, over: asyncio.Event, samples: list[Sample]) -> None:
    while not over.is_set():
        samples.append(await look(server))
        await asyncio.sleep(EVERY_S)


async def base(server: Process) -> Base:
    async with httpx.AsyncClient(base_url=server.url, timeout=60, headers=OPERATOR) as client:
        metrics = (await client.get("/metrics")).text
    await server.has_no_connection(within=10)
    process = psutil.Process(server.process.pid)
    used = [float(found) for found in re.findall(r"^vllm:kv_cache_usage_perc\S* (\S+)$", metrics, re.MULTILINE)]
    return Base(process.num_fds(), process.num_threads(), len(server.family()), sum(used))


def growth(samples: list[Sample]) -> float:
    """MiB between the second and the last quarter of the time; the first one is for warming up."""
    quarter = len(samples) // 4
    return median(each.memory for each in samples[-quarter:]) - median(
        each.memory for each in samples[quarter : 2 * quarter]
    )
