"""A server that is a process of its own: its port, what it says on stderr, how it ends."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.served import Served

ROOT = Path(__file__).parents[1]
QUICK = ("--set", "engine.extra.enforce_eager=true", "--set", "engine.dtype=float32")
"""vLLM without a compiled model, and without bfloat16, which old processors can't: for tests that want one soon."""


class Process(Served):
    """`lines` is what it has written to stderr so far, `url` where it listens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__("")
        self.process = process
        self.lines: list[str] = []
        self.ended = False
        self.more = asyncio.Condition()
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        if self.process.stderr is not None:
            async for line in self.process.stderr:
                async with self.more:
                    self.lines.append(line.decode().rstrip())
                    self.more.notify_all()
        async with self.more:
            self.ended = True
            self.more.notify_all()

    async def line(self, pattern: str, within: float) -> re.Match[str]:
        """Wait for a line of stderr that matches."""

        def found() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        async with asyncio.timeout(within), self.more:
            await self.more.wait_for(lambda: found() is not None or self.ended)
        match = found()
        assert match, f"{pattern!r} is not in {self.lines}"
        return match

    async def listens(self, within: float) -> None:
        """Wait until the port is open, for servers that do not say so. Raises TimeoutError."""
        async with asyncio.timeout(within), httpx.AsyncClient(base_url=self.url) as client:
            while True:
                with suppress(httpx.TransportError):
                    await client.get("/livez")
                    return
                assert self.process.returncode is None, self.lines
                await asyncio.sleep(0.05)

    async def readiness(self, phase: str, within: float = 10) -> httpx.Response:
        """Ask `/readyz` until it tells this phase; a connection each time."""
        async with asyncio.timeout(within):
            while True:
                async with httpx.AsyncClient(base_url=self.url, timeout=within) as client:
                    answer = await client.get("/readyz")
                if answer.json()["phase"] == phase:
                    return answer
                assert self.process.returncode is None, self.lines
                await asyncio.sleep(0.02)

    def be_deaf(self) -> None:
        """Let nobody read what it says."""
        transport: Any = self.process._transport  # type: ignore[attr-defined]
        transport.get_pipe_transport(2).close()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def has_no_connection(self, within: float) -> None:
        """Wait until every connection is closed, on the server's side at least. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                connections = psutil.Process(self.process.pid).net_connections("tcp")
                if not any(each.status == psutil.CONN_ESTABLISHED for each in connections):
                    return
                await asyncio.sleep(0.02)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def addresses(self) -> set[str]:
        """At which it and the processes below it can be reached."""
        family = [psutil.Process(self.process.pid), *self.family()]
        found = [each for process in family for each in process.net_connections("inet")]
        return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}

    async def exit_code(self, within: float) -> int:
        """Wait for its end; stderr ends with it unless an orphan holds it open."""
        async with asyncio.timeout(within):
            code = await self.process.wait()
            await self.reading
        return code


@asynccontextmanager
async def started(
    *arguments: str, listens: bool = True, env: dict[str, str] | None = None, stderr: int = asyncio.subprocess.PIPE,
) -> AsyncIterator[Process]:  # fmt: skip
    """`python -m ARGUMENTS`, up from when its port is open; killed in the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, cwd=ROOT, stderr=stderr, env=os.environ | (env or {})
    )
    server = Process(process)
    try:
        if listens:
            server.url = (await server.line(r"(http://\S+) is open", within=60))[1]
        yield server
    finally:
        if process.returncode is None:
            family = server.family()
            process.kill()
            for left in family:
                with suppress(psutil.NoSuchProcess):
                    left.kill()
        await server.exit_code(within=20)
