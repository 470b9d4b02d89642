"""What is known of a request, whatever it is for: the headers of every answer to it, and what the access log says."""

import json
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random

from starlette.types import Scope

from sluice.transport.cors import Cors

CLIENTS_ID = re.compile(rb"[!-~]{1,128}")
ID_NAMES = (b"x-request-id", b"request-id")
"""How OpenAI's and Anthropic's SDKs know a request's id."""
LONGEST_PATH = 500
"""Characters of a path that the log shows."""
NO_PAGES = Cors()


def told(request_id: bytes) -> list[tuple[bytes, bytes]]:
    """As headers of an answer."""
    return [(name, request_id) for name in ID_NAMES]


class Record:
    """Opened by `Records`; whoever serves the request notes what it learns of it. `close` may be called again.

    `headers`: those of its answer, whatever that is.
    """

    __slots__ = (
        "began_at", "client", "completion_tokens", "headers", "id", "is_open", "method", "outcome", "path",
        "prompt_tokens", "records", "status", "tenant",
    )  # fmt: skip

    def __init__(self, records: "Records", request_id: bytes, scope: Scope) -> None:
        self.records, self.id, self.began_at, self.is_open = records, request_id, records.clock(), True
        self.headers = [*told(request_id), *records.cors.headers(scope["headers"])]
        self.method, self.path, self.client = scope["method"], scope["path"], scope.get("client")
        self.status: int | None = None
        self.tenant: str | None = None
        self.outcome: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None

    def close(self) -> None:
        """The request is over."""
        if self.is_open and self.records.write is not None:
            self.records.write(self.line())
        self.is_open = False

    def line(self) -> bytes:
        """ASCII only, so that nothing which a client sends can end it, or speak to a terminal."""
        fields = {
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.id.decode(),
            "client": self.client[0] if self.client else None,
            "tenant": self.tenant,
            "method": self.method,
            "path": self.path[:LONGEST_PATH],
            "status": self.status,
            "outcome": self.outcome,
            "seconds": round(self.records.clock() - self.began_at, 6),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }
        return json.dumps(fields).encode() + b"\n"


class Records:
    """Opens one for each request. `write` gets a line of JSON for each that is closed, and must neither block nor
    raise; None: nobody wants them. `cors`: which pages may read answers."""

    def __init__(
        self, write: Callable[[bytes], None] | None = None, clock: Callable[[], float] = time.monotonic,
        cors: Cors = NO_PAGES,
    ) -> None:  # fmt: skip
        self.write, self.clock, self.cors, self.ids = write, clock, cors, Random()

    def open(self, scope: Scope) -> Record:
        return Record(self, self.request_id(scope["headers"]), scope)

    def request_id(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The client's own `x-request-id`, if it is one that can be sent back; else a new one."""
        for name, value in headers:
            if name == b"x-request-id" and CLIENTS_ID.fullmatch(value):
                return value
        return b"req_%032x" % self.ids.getrandbits(128)
