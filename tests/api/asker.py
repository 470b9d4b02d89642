"""Asks for whole answers and for streams over its own connections, and reads every byte itself."""

import json
import time
from typing import Any

from sluice.bench.connection import Pool
from sluice.bench.received import Received
from tests.api.exact_cases import Case
from tests.api.streams import Streamed, put_together
from tests.api.wire import WHOLE, Answered


class Body(Received):
    """All that comes, as it comes."""

    def feed(self, piece: bytes) -> None:
        self.body += piece


class Asker:
    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.pool = Pool(host, int(port), tls=False, clock=time.monotonic)

    async def ask(self, path: str, body: dict[str, Any], content_type: bytes) -> bytes:
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        answer = Body(time.monotonic)
        await self.pool.ask(head.encode() + data, answer)
        assert answer.status == 200, answer.body
        assert answer.headers[b"content-type"].partition(b";")[0] == content_type
        return answer.body

    async def whole(self, case: Case) -> Answered:
        return WHOLE[case.path](await self.ask(case.path, case.body, b"application/json"))

    async def stream(self, case: Case, usage: bool = True) -> Streamed:
        body = case.body | {"stream": True} | ({"stream_options": {"include_usage": True}} if usage else {})
        raw = await self.ask(case.path, body, b"text/event-stream")
        return put_together(raw, case.path, len(case.texts), usage)

    def close(self) -> None:
        self.pool.close()
