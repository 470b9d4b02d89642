"""A server that answers with bytes as they are given, for what no good server does."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

Answers = Callable[[str, bytes], Sequence[bytes] | None]
"""Path and body of a request → the answer's pieces; an empty one ends the connection. None: silence."""


class Peer:
    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.connections = 0
        self.requests: list[str] = []


@asynccontextmanager
async def answering(answers: Answers) -> AsyncIterator[Peer]:
    serving = dict[asyncio.Task[None] | None, asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        serving[asyncio.current_task()] = writer
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.I)
                body = await reader.readexactly(int(length[1]) if length else 0)
                path = head.split()[1]
                peer.requests.append(path)
                pieces = answers(path, body)
                for piece in pieces or ():
                    if not piece:
                        return
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = Peer(server.sockets[0].getsockname()[1])
    try:
        yield peer
    finally:
        server.close()
        for writer in serving.values():
            writer.close()
        await asyncio.gather(*filter(None, serving))
        await server.wait_closed()


def whole(status: int, body: bytes, *fields: str) -> list[bytes]:
    """An answer in one piece, which leaves the connection open."""
    head = "\r\n".join([f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *fields])
    return [f"{head}\r\n\r\n".encode() + body]


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def events(*data: str, newline: str = "\n") -> bytes:
    return chunk("".join(f"data: {one}{newline}{newline}" for one in data).encode())
