"""Nothing that a body of Anthropic's is made of holds the event loop; the client is on another thread."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.api.test_held import LONGEST_S
from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.held import held

BODY: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Count from 1 to 3"}]}
TEXT = {"type": "text", "text": ""}
TOOL = {"name": "a", "input_schema": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [TEXT] * 20}
HOSTILE: dict[str, dict[str, Any]] = {
    "empty messages": {"messages": [{}] * 150_000},
    "messages, as many as may be": {"messages": [{"role": "user", "content": "a"}] * 8192},
    "blocks": {"messages": [{"role": "user", "content": [TEXT] * 1024}] * 15},
    "blocks of a short body": {"messages": [{"role": "user", "content": [TEXT] * 1024}, *BODY["messages"]]},
    "too many blocks": {"system": [TEXT] * 100_000},
    "results": {"messages": [{"role": "user", "content": [RESULT] * 100}] * 10},
    "tools": {"tools": [TOOL] * 1024},
    "too many tools": {"tools": [TOOL] * 30_000},
    "a tool": {"tools": [TOOL | {"input_schema": {f"k{number}": {} for number in range(30_000)}}]},
    "a text of escapes": {"system": '\n"\\' * 600_000},
    "unknown fields": {f"k{number}": 0 for number in range(200_000)},
}


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE)
async def test_by_its_body(serve: Serve, fake: FakeEngine, fields: dict[str, Any]) -> None:
    asked = [
        (path, json.dumps(body | fields, separators=(",", ":")).encode())
        for path, body in (("/v1/messages", BODY | {"max_tokens": 3}), ("/v1/messages/count_tokens", BODY))
    ]
    async with serve(fake) as server, held() as loop:
        for path, content in asked:
            answer = await asyncio.to_thread(
                httpx.post, server.url + path, content=content, timeout=60, headers={"content-type": "application/json"}
            )
            assert answer.status_code in {200, 400}
    assert loop.longest < LONGEST_S
