"""A line of JSON for each request, on every way in, which no client can break, and which tells no secret."""

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from sluice.settings import Settings
from tests.api.test_rules import ADA, OPERATOR
from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.test_lifecycle import counting

ON = {"http": {"access_log": "json", "max_body_bytes": 2000}} | ADA | OPERATOR
CHAT = "/v1/chat/completions"
KEYS = {"ts", "request_id", "client", "tenant", "method", "path", "status", "outcome", "seconds", "prompt_tokens",
        "completion_tokens"}  # fmt: skip


class Log:
    """What has come out of stdout so far."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd, self.text = capfd, ""

    def lines(self) -> list[str]:
        self.text += self.capfd.readouterr().out
        return self.text.splitlines()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def log(capfd: pytest.CaptureFixture[str]) -> Log:
    return Log(capfd)


def asked(record: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(record[name] for name in names)


async def test_every_request_is_a_line(serve: Serve, fake: FakeEngine, log: Log) -> None:
    ada, operator = ({"Authorization": f"Bearer sk-{name}"} for name in ("ada", "operator"))
    async with serve(fake, ON) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:

        async def ask(method: str, path: str, headers: dict[str, str], **given: Any) -> None:
            await client.request(method, path, headers=headers | {"x-request-id": f"r{len(sent)}"}, **given)
            sent.append((method, path))

        sent = list[tuple[str, str]]()
        await ask("POST", CHAT, ada, json=counting(3))
        await ask("POST", CHAT, ada, json=counting(3, stream=False))
        await ask("POST", CHAT, {}, json=counting(3))
        await ask("POST", CHAT, ada, json=counting(3) | {"user": "x" * 3000})
        await ask("GET", "/v1/models", ada)
        await ask("HEAD", "/livez", {})
        await ask("GET", "/status", ada)
        await ask("GET", "/metrics/", operator)
        await ask("GET", "/nothing", {})
    records = [record for record in log.records() if re.fullmatch(r"r\d", record["request_id"])]
    assert [asked(record, "request_id", "method", "path") for record in records] == [
        (f"r{number}", method, path) for number, (method, path) in enumerate(sent)
    ]
    told = ("status", "tenant", "outcome", "prompt_tokens", "completion_tokens")
    assert [asked(record, *told) for record in records] == [
        (200, "ada", "finished", 17, 6), (200, "ada", "finished", 17, 6), (401, None, None, None, None),
        (413, "ada", "rejected", 0, 0), (200, "ada", None, None, None), (200, None, None, None, None),
        (403, None, None, None, None), (200, None, None, None, None), (404, None, None, None, None),
    ]  # fmt: skip
    for record in records:
        assert set(record) == KEYS
        assert record["client"] == "127.0.0.1"
        assert 0 <= record["seconds"] < 60
        assert abs((datetime.now().astimezone() - datetime.fromisoformat(record["ts"])).total_seconds()) < 60
    assert "sk-" not in log.text
    assert "Count from" not in log.text


async def test_who_hangs_up_is_a_line(serve: Serve, fake: FakeEngine, log: Log) -> None:
    fake.going.clear()
    async with serve(fake, ON | {"tenants": []}) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            asking = asyncio.create_task(client.post(CHAT, json=counting(3)))
            await server.has(running=1)
            asking.cancel()
        await server.is_empty()
    (record,) = [record for record in log.records() if record["path"] == CHAT]
    assert record["outcome"] == "aborted"
    assert record["status"] in {None, 200, 499}


@pytest.mark.parametrize("path", ["/%0A%0D%1B%5B2J%22%5C%C2%85%E2%80%A8%C2%9B%7F%FF", "/" + "x" * 5000])
async def test_nothing_of_a_clients_breaks_the_line(serve: Serve, fake: FakeEngine, log: Log, path: str) -> None:
    sent = '"}\\n{"evil":1'
    async with serve(fake, ON) as server, httpx.AsyncClient(timeout=60) as client:
        headers = {"x-request-id": sent, "user-agent": "\\x1b"}
        await client.get(httpx.URL(server.url, raw_path=path.encode()), headers=headers)
    (line,) = [line for line in log.lines() if json.loads(line)["status"] == 404]
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 5000
    assert json.loads(line)["request_id"] == sent


async def test_it_is_off_unless_it_is_wanted(serve: Serve, fake: FakeEngine, log: Log) -> None:
    async with serve(fake) as server, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        await client.get("/livez")
        await client.post(CHAT, json=counting(3))
    assert log.lines() == []


def test_yamls_off_is_off() -> None:
    settings = Settings.model_validate({"http": {"access_log": False}, "streaming": {"coalesce": False}})
    assert (settings.http.access_log, settings.streaming.coalesce) == ("off", "off")
