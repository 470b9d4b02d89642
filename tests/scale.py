"""What a thousand streams cost: `python -m tests.scale`.

Each number of streams gets a server of its own, around the fake engine, in a process of its own. They are opened one
after the other; once all have begun, all that is told is measured at once, over the same seconds.
"""

import argparse
import asyncio
import json
import math
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM

import psutil
import uvloop

from tests.process import Process, started
from tests.scale_report import COLUMNS, Row, draw, line
from tests.scale_stream import LONGEST, Stream, request

RATE = 20
"""Tokens a second of each stream."""
APART = 0.002
"""Seconds between the beginnings of two streams, so that their tokens are not all due at once."""
TICK = 0.01
"""Seconds between two looks at our own clock."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description="What many streams cost a server.")
    parser.add_argument("--streams", default="1,4,16,64,256,1000", help="how many at once, one run each")
    parser.add_argument(
        "--seconds", type=float, default=8, help=f"how long, of each run; {LONGEST // RATE // 2} at most"
    )
    parser.add_argument("--out", type=Path, default=Path("bench"), help="the folder for scale.png")
    given = parser.parse_args()
    given.streams = [int(number) for number in given.streams.split(",")]
    return given


async def main(numbers: Sequence[int], seconds: float) -> list[Row]:
    print(line(list(COLUMNS)), flush=True)
    rows = list[Row]()
    for number in numbers:
        settings = {"http": {"port": 0}, "traffic": {"concurrency": number}}
        engine = {"seconds_a_token": 1 / RATE}
        async with started("tests.serve_fake", json.dumps(settings), json.dumps(engine)) as server:
            await server.readiness("ready")
            rows.append(await measure(server, number, seconds))
            server.send(SIGTERM)
            assert await server.exit_code(within=20) == 0, server.lines
        print(line([cell(rows[-1]) for cell in COLUMNS.values()]), flush=True)
    return rows


async def measure(server: Process, number: int, seconds: float) -> Row:
    pid = server.process.pid
    tokens = math.ceil(RATE * (2 * number * APART + seconds + 2))  # no more: the fake engine holds them all
    await hang_up(server, await opened(server, 1, tokens))  # what only the first stream costs
    idle = await idle_share(pid, min(seconds, 2))
    memory = uss(pid)
    streams = await opened(server, number, tokens)
    since, cpu, own_cpu = time.monotonic(), cpu_of(pid), time.process_time()
    lag = await lag_over(seconds)
    until, cpu, own_cpu = time.monotonic(), cpu_of(pid) - cpu, time.process_time() - own_cpu
    memory = uss(pid) - memory
    assert not any(stream.ended for stream in streams), "a stream ended too early"
    await hang_up(server, streams)

    late, gaps, received = list[float](), list[float](), list[int]()
    for stream in streams:
        moments = stream.moments
        inside = range(bisect_left(moments, since), bisect_left(moments, until))
        late += [moments[k] - moments[0] - k / RATE for k in inside]
        gaps += [moments[k] - moments[k - 1] for k in inside if k]
        received.append(len(inside))
    return Row(
        number, until - since, sum(received), cpu, idle * (until - since), own_cpu, lag,
        memory, sorted(late), sorted(gaps), min(received),
    )  # fmt: skip


async def opened(server: Process, number: int, tokens: int) -> list[Stream]:
    """So many streams, each of which has had its first token."""
    host, port = server.url.removeprefix("http://").split(":")
    message = request(host, tokens)
    loop = asyncio.get_running_loop()
    streams = []
    for _ in range(number):
        _, stream = await loop.create_connection(lambda: Stream(message), host, int(port))
        streams.append(stream)
        await asyncio.sleep(APART)
    await asyncio.gather(*(stream.first for stream in streams))
    return streams


async def hang_up(server: Process, streams: Sequence[Stream]) -> None:
    for stream in streams:
        stream.transport.abort()
    await server.has(admitted=0)


async def lag_over(seconds: float) -> float:
    """Let so much time pass; returns the most, in seconds, that a timer of ours was late meanwhile."""
    now = time.monotonic()
    end, lag = now + seconds, 0.0
    while now < end:
        due = min(now + TICK, end)
        await asyncio.sleep(due - now)
        now = time.monotonic()
        lag = max(lag, now - due)
    return lag


async def idle_share(pid: int, seconds: float) -> float:
    """Seconds of CPU a second that the server takes when nobody asks."""
    before = cpu_of(pid)
    await asyncio.sleep(seconds)
    return (cpu_of(pid) - before) / seconds


def cpu_of(pid: int) -> float:
    """Seconds, user and system, of all threads: by Linux's clock for a process, as psutil knows only steps of 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)


def uss(pid: int) -> int:
    """Bytes of memory that are its own."""
    return psutil.Process(pid).memory_full_info().uss


if __name__ == "__main__":
    given = options()
    rows = uvloop.run(main(given.streams, given.seconds))
    given.out.mkdir(parents=True, exist_ok=True)
    draw(rows, f"Streams of the fake engine, {RATE} tokens a second each", given.out / "scale.png")
    print(given.out / "scale.png")
