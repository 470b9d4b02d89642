"""A server's own figures, as it sends them every second."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import msgspec

from sluice.client.server import Server, check
from sluice.errors import ServerFailed
from sluice.telemetry.snapshot import HISTORY_POINTS, History, Status

PATH = "/status/events"


@dataclass
class Watched:
    """`status`: the newest, `line` its JSON; `tokens`: of each second of the last 15 minutes, oldest first."""

    status: Status
    line: str
    tokens: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_POINTS))


def watch(server: Server) -> Iterator[Watched]:
    """Each time that it tells, until it has drained or failed. Raises ServerFailed."""
    tokens: deque[int] = deque(maxlen=HISTORY_POINTS)
    last = 0.0
    for name, data in named_events(server):
        try:
            if name == "history":
                columns = msgspec.json.decode(data, type=History).columns
                tokens.extend(msgspec.convert(columns["tokens"], list[int]))
                last = msgspec.convert(columns["at"][-1], float) if columns["at"] else 0.0
            elif name == "status":
                status = msgspec.json.decode(data, type=Status)
                if status.latest is not None and status.latest.at > last:
                    last = status.latest.at
                    tokens.append(status.latest.tokens)
                yield Watched(status, data, tokens)
        except (msgspec.DecodeError, LookupError) as error:
            raise ServerFailed(f"{server.url}{PATH}: not what this version of Sluice tells: {error}") from None


def named_events(server: Server) -> Iterator[tuple[str, str]]:
    """The name and the data of each. Raises ServerFailed."""
    name = ""
    try:
        with server.client.stream("GET", PATH) as answer:
            check(answer)
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    yield name, line[5:].strip()
    except httpx.HTTPError as error:
        raise server.unreachable(error) from None
