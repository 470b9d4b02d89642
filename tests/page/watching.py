"""Who watches `/status/events`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

Told = tuple[str, dict[str, Any]]
"""An event's name, and its data."""


async def parsed(answer: httpx.Response) -> AsyncIterator[Told]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def watching(url: str, **headers: str) -> AsyncIterator[AsyncIterator[Told]]:
    """The events, from the history on."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=60, headers=headers) as client,
        client.stream("GET", "/status/events") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parsed(answer)


async def until(events: AsyncIterator[Told], **told: object) -> dict[str, Any]:
    """The first status that tells this."""
    async for name, status in events:
        if name == "status" and told.items() <= status.items():
            return status
    raise AssertionError(f"the stream has ended without {told}")
