"""uvicorn for the thousands of tests that start and stop one: it waits for events, where uvicorn's own sleeps 0.1 s."""

import asyncio
import socket
from contextlib import suppress

import uvicorn

from sluice.serving import Server

TICK_S = 0.1
MOMENT_S = 0.002


class PromptServer(Server):
    """`stop` ends it at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self.stopping.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), TICK_S)
            ticks += 1

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(self.config.timeout_graceful_shutdown):
            while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 (nobody is told)
                await asyncio.sleep(MOMENT_S)
            for server in self.servers:
                await server.wait_closed()
        await self.lifespan.shutdown()
