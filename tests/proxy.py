"""A network between one client and a server that does what networks do: resets, ends too early, comes slowly."""

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Literal, NamedTuple

HarmName = Literal["none", "reset", "hang up", "half-close", "stall", "trickle"]


class Harm(NamedTuple):
    """What happens, and after how many bytes of the answer. `seconds`: of a stall, or between pieces of what is sent.

    reset: RST. hang up: FIN in both directions. half-close: FIN behind the request; the client still reads. stall:
    nothing of the answer is read for a while, so that the window closes. trickle: the request comes in pieces.
    """

    name: HarmName = "none"
    after: int = 0
    seconds: float = 0.0

    @property
    def is_survived(self) -> bool:
        """Whether the client gets its answer all the same."""
        return self.name not in ("reset", "hang up")


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


PIECES = 20
"""Of a request that trickles."""


class Proxy:
    """`async with Proxy(host, port, harm) as url`: to be asked in the server's place; for one connection or several."""

    def __init__(self, host: str, port: int, harm: Harm) -> None:
        self.host, self.port, self.harm = host, port, harm
        self.tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self.connect(reader, writer)
        except (OSError, asyncio.CancelledError):  # asyncio complains of a task that was cancelled
            pass
        finally:
            self.tasks.discard(task)
            await closed(writer)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above_writer = await asyncio.open_connection(self.host, self.port, limit=2**12)
        sending = asyncio.create_task(self.send(reader, above_writer))
        try:
            await self.answer(above_reader, above_writer, writer)
        finally:
            above_writer.close()  # before anything is awaited: the task may be cancelled there
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await closed(above_writer)

    async def send(self, reader: asyncio.StreamReader, above: asyncio.StreamWriter) -> None:
        """What the client says."""
        while data := await reader.read(2**16):
            size = -(-len(data) // PIECES) if self.harm.name == "trickle" else len(data)
            for start in range(0, len(data), size):
                above.write(data[start : start + size])
                await above.drain()
                if size < len(data):
                    await asyncio.sleep(self.harm.seconds)
            if self.harm.name == "half-close":
                above.write_eof()
        above.write_eof()

    async def answer(
        self, above: asyncio.StreamReader, above_writer: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        """What the server says, until it is harmed or over."""
        left = self.harm.after
        while data := await above.read(2**12):
            writer.write(data)
            await writer.drain()
            if left >= 0 and (left := left - len(data)) < 0:
                if self.harm.name == "stall":
                    await asyncio.sleep(self.harm.seconds)
                elif self.harm.name == "reset":
                    plug: socket.socket = above_writer.get_extra_info("socket")
                    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    above_writer.transport.abort()
                if not self.harm.is_survived:
                    return
