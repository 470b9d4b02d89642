"""Limits and tenants changed while streams run: in a process of its own, with a real file and real signals."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.process import Process, started
from tests.served import OPERATORS
from tests.test_lifecycle import ENDLESS, assert_refused, counting, finish_reasons, rest_of

SLOWLY = {"seconds_a_token": 0.01}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sluice.yaml"


def write(file: Path, text: str | None = None, **settings: Any) -> None:
    """Over the old text, as an editor may; the port is a free one."""
    file.write_text(
        f"{yaml.safe_dump({'http': {'port': 0}} | settings)}{yaml.safe_dump(OPERATORS)}" if text is None else text
    )


def serve_file(
    file: Path, engine: dict[str, Any] | None = None, **settings: Any
) -> AbstractAsyncContextManager[Process]:
    """`settings` are set beside the file, and before it."""
    return started("tests.serve_fake", json.dumps(settings), json.dumps(engine or {}), str(file))


def tenant(name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "keys": [f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"]} | more


async def ask(server: Process, key: str | None = None, last: int = 3) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=server.url, timeout=60, headers=headers) as client:
        return await client.post("/v1/chat/completions", json=counting(last, stream=False))


@asynccontextmanager
async def streaming(server: Process, last: int, key: str | None = None) -> AsyncIterator[AsyncIterator[str]]:
    """The events of a stream that runs: its first one has arrived."""
    await server.readiness("ready")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60, headers=headers) as client,
        client.stream("POST", "/v1/chat/completions", json=counting(last)) as answer,
    ):
        assert answer.status_code == 200
        events = (line.removeprefix("data: ") async for line in answer.aiter_lines() if line)
        await anext(events)
        yield events


async def assert_whole(events: AsyncIterator[str], last: int) -> None:
    chunks, end = await rest_of(events)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == " ".join(
        map(str, range(1, last + 1))
    )
    assert (chunks[-1]["choices"][0]["finish_reason"], end) == ("stop", "[DONE]")


async def test_an_edit_takes_hold_and_no_stream_notices(file: Path) -> None:
    write(file, traffic={"max_concurrency": 8, "timeout": 100})
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, 100) as events:
            write(file, traffic={"max_concurrency": 5, "max_waiting_tokens": 1000, "timeout": 100})
            await server.has(max_concurrency=5, max_waiting_tokens=1000, admitted=1)
            await assert_whole(events, 100)
        line = "Changed traffic.max_concurrency: 8 → 5, traffic.max_waiting_tokens: unset → 1000"
        assert (await server.line("Changed .*", within=10))[0] == line


async def test_those_inside_finish_when_there_are_fewer_seats(file: Path) -> None:
    write(file, traffic={"concurrency": 2, "max_concurrency": 4})
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, 150) as first, streaming(server, 150) as second:
            waiting = asyncio.create_task(ask(server))
            await server.has(running=2, waiting=1)
            write(file, traffic={"concurrency": 1, "max_concurrency": 1})
            await server.has(concurrency=1, max_concurrency=1)
            refused = await ask(server)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "max_concurrency")
            await assert_whole(first, 150)
            await assert_whole(second, 150)
        assert (await waiting).status_code == 200
        assert (await ask(server)).status_code == 200
        assert (await server.status())["finished"]["finished"] == 4


async def test_the_batch_goes_down_and_up_again_but_not_beyond_what_the_engine_was_started_with(file: Path) -> None:
    write(file, traffic={"concurrency": 4, "max_concurrency": 20})
    async with serve_file(file, {"seconds_a_token": 0.02}) as server:
        await server.readiness("ready")
        asking = [asyncio.create_task(ask(server, last=100)) for _ in range(8)]
        await server.has(running=4, waiting=4)
        write(file, traffic={"concurrency": 1, "max_concurrency": 20})
        await server.has(concurrency=1)
        await server.has(running=1)
        write(file, traffic={"concurrency": 4, "max_concurrency": 20})
        await server.has(concurrency=4, running=4)
        write(file, traffic={"concurrency": 8, "max_concurrency": 50})
        kept = await server.line("Kept the old settings: .*", within=10)
        assert kept[0] == (
            f"Kept the old settings: {file}:4: traffic.concurrency: "
            "8 is more than the 4 that the engine was started with"
        )
        status = await server.status()
        assert (status["concurrency"], status["max_concurrency"]) == (4, 20)
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
        assert (await server.status())["peak_running"] == 4


async def test_without_a_batch_of_its_own_it_is_the_engines(file: Path) -> None:
    write(file)
    async with serve_file(file) as server:
        await server.has(phase="ready", concurrency=256)
        write(file, traffic={"concurrency": 3})
        await server.has(concurrency=3)
        write(file)
        await server.has(concurrency=256)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http: {port: 0}\ntraffic:\n  max_concurency: 3\n", "3: traffic.max_concurency: there is no such setting"),
        ("http: {port: 0}\ntraffic: {max_concurrency: 3\n", "3: did not find expected"),
        ("http: {port: 0}\ntraffic: {max_concurrency: 3}\ntenants:\n- name: a\n  keys:\n  - env:NOWHERE\n",
            "6: tenants.0.keys.0: tenant a: environment variable NOWHERE is not set"),
    ],
    ids=["no such key", "not YAML", "no such variable"],
)  # fmt: skip
async def test_a_mistake_changes_nothing(file: Path, text: str, line: str) -> None:
    write(file, traffic={"max_concurrency": 8})
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, 60) as events:
            write(file, text)
            kept = await server.line("Kept the old settings: (.*)", within=10)
            assert kept[1].startswith(f"{file}:{line}")
            assert (await server.status())["max_concurrency"] == 8
            assert (await ask(server)).status_code == 200
            await assert_whole(events, 60)
        write(file, traffic={"max_concurrency": 7})
        await server.has(max_concurrency=7)


async def test_a_file_that_is_replaced(file: Path) -> None:
    write(file, traffic={"max_concurrency": 8})
    async with serve_file(file) as server:
        await server.readiness("ready")
        for number in (7, 6):
            other = file.with_name("other")
            write(other, traffic={"max_concurrency": number})
            other.replace(file)
            await server.has(max_concurrency=number)


async def test_a_config_map(file: Path) -> None:
    """As Kubernetes does it: the file is a link into a folder that is a link, and that is replaced."""
    for number in (8, 7):
        folder = file.with_name(f"..{number}")
        folder.mkdir()
        write(folder / file.name, traffic={"max_concurrency": number})
    data = file.with_name("..data")
    os.symlink("..8", data)
    os.symlink(f"..data/{file.name}", file)
    async with serve_file(file) as server:
        await server.has(phase="ready", max_concurrency=8)
        new = file.with_name("..data_tmp")
        os.symlink("..7", new)
        new.replace(data)
        await server.has(max_concurrency=7, within=8)  # at the next look, if the watch had not begun


async def test_a_touch_says_nothing_and_of_many_edits_the_last_holds(file: Path) -> None:
    write(file, traffic={"max_concurrency": 8})
    async with serve_file(file) as server:
        await server.readiness("ready")
        os.utime(file)
        write(file, "")  # as a shell does before it writes
        for number in range(50, 9, -1):
            write(file, traffic={"max_concurrency": number})
        await server.has(max_concurrency=10)
        lines = [line for line in server.lines if "Changed" in line or "Kept" in line]
        assert len(lines) <= 2
        assert lines[-1].endswith("→ 10")


async def test_sighup_reads_again(file: Path, tmp_path: Path) -> None:
    """The keys' own files, too, which nobody watches. The server goes on."""
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "a"
    key.write_text("sk-1")
    write(file, tenants=[{"name": "a", "keys": [f"file:{key}"]}])
    async with serve_file(file) as server:
        await server.readiness("ready")
        assert (await ask(server, "sk-1")).status_code == 200
        key.write_text("sk-2")
        server.send(signal.SIGHUP)
        await server.line("The settings are the same as before", within=10)
        assert (await ask(server, "sk-1")).status_code == 401
        assert (await ask(server, "sk-2")).status_code == 200
        key.unlink()
        server.send(signal.SIGHUP)
        kept = await server.line("Kept the old settings: (.*)", within=10)
        assert kept[1] == f"{file}:5: tenants.0.keys.0: tenant a: {key}: No such file or directory"
        assert (await ask(server, "sk-2")).status_code == 200


async def test_sighup_without_a_file() -> None:
    async with started("tests.serve_fake", '{"http": {"port": 0}}', "{}") as server:
        await server.readiness("ready")
        server.send(signal.SIGHUP)
        await server.line("The settings are the same as before", within=10)
        assert (await ask(server)).status_code == 200


async def test_tenants_come_and_go(file: Path) -> None:
    write(file, tenants=[tenant("a", "sk-a"), tenant("b", "sk-b")])
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, 100, "sk-a") as events:
            write(file, tenants=[tenant("b", "sk-new", weight=2), tenant("c", "sk-c", max_concurrency=1)])
            changed = await server.line("Changed .*", within=10)
            assert changed[0] == (
                "Changed tenants.a: gone, tenants.b.keys: others, tenants.b.weight: 1 → 2, tenants.c: new"
            )
            assert [(await ask(server, key)).status_code for key in ("sk-a", "sk-b", "sk-new", "sk-c")] == [
                401, 401, 200, 200,
            ]  # fmt: skip
            await assert_whole(events, 100)
        await server.has(admitted=0)


async def test_operators_come_and_go(file: Path) -> None:
    own, other = [tenant("a", "sk-a")], {"operators": {"keys": tenant("b", "sk-other")["keys"]}}
    write(file, tenants=own)
    async with serve_file(file) as server:
        await server.has(phase="ready")
        write(file, yaml.safe_dump({"tenants": own, "operators": {"keys": ["env:NOWHERE"]}}))
        kept = await server.line("Kept the old settings: (.*)", within=10)
        assert kept[1].endswith(": operators.keys.0: operators: environment variable NOWHERE is not set")
        await server.has(admitted=0)
        write(file, yaml.safe_dump({"http": {"port": 0}, "tenants": own} | other))
        assert (await server.line("Changed .*", within=10))[0] == "Changed operators.keys: others"
        async with httpx.AsyncClient(base_url=server.url) as client:
            for key, status in (("sk-operator", 401), ("sk-other", 200), ("sk-a", 403)):
                answer = await client.get("/status", headers={"Authorization": f"Bearer {key}"})
                assert answer.status_code == status


async def test_who_comes_back_still_has_the_seats_they_left_with(file: Path) -> None:
    own = tenant("a", "sk-a", max_concurrency=1)
    write(file, tenants=[own])
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, 200, "sk-a"):
            write(file, tenants=[tenant("b", "sk-b")])
            await server.line("tenants.a: gone", within=10)
            write(file, tenants=[own])
            await server.line("tenants.a: new", within=10)
            assert (await ask(server, "sk-a")).status_code == 429
        await server.has(admitted=0)
        assert (await ask(server, "sk-a")).status_code == 200


async def test_what_cannot_change_is_named(file: Path) -> None:
    write(file, traffic={"max_concurrency": 8})
    async with serve_file(file, http={"port": 0}) as server:
        await server.readiness("ready")
        settings: dict[str, Any] = {"engine": {"dtype": "half"}, "http": {"body_timeout": 5}, "model": "x"}
        write(file, traffic={"max_concurrency": 9}, **settings)
        fixed = await server.line("Only a restart changes .*", within=10)
        assert fixed[0] == "Only a restart changes model, engine.dtype, http.body_timeout"
        assert (await server.status())["max_concurrency"] == 9


async def test_the_port_is_named(file: Path) -> None:
    write(file)
    async with serve_file(file) as server:
        await server.readiness("ready")
        write(file, http={"port": 1})
        assert (await server.line("Only a restart changes .*", within=10))[0] == "Only a restart changes http.port"
        assert (await server.readiness("ready")).status_code == 200


@pytest.mark.parametrize("http", [{"host": "127.0.0.1"}, {"host": "0.0.0.0", "allow_anonymous": True}])
async def test_a_server_beyond_loopback_keeps_its_tenants(file: Path, http: dict[str, Any]) -> None:
    """Whatever the file says now of where to listen: what counts is where the server was started."""
    write(file, http={"port": 0, "host": "0.0.0.0"}, tenants=[tenant("a", "sk-a")])
    async with serve_file(file) as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        await server.readiness("ready")
        write(file, http={"port": 0} | http, tenants=[])
        kept = await server.line("Kept the old settings: (.*)", within=10)
        assert kept[1].startswith(f"{file}:")
        assert ": tenants: the server was started on 0.0.0.0" in kept[1]
        assert (await ask(server)).status_code == 401


async def test_an_edit_while_the_model_loads(file: Path) -> None:
    write(file, traffic={"concurrency": 4})
    async with serve_file(file, {"waits": True}) as server:
        await server.line("Loading", within=10)
        write(file, traffic={"concurrency": 2, "max_concurrency": 2})
        server.send(signal.SIGHUP)
        await server.line("The settings are read again when the model is loaded", within=10)
        assert_refused(await ask(server), "starting")
        server.send(signal.SIGUSR2)
        await server.has(phase="ready", concurrency=2, max_concurrency=2)
        write(file, traffic={"concurrency": 4})
        await server.has(concurrency=4)


async def test_a_folder_that_is_gone_stops_nothing(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    write(folder / file.name, traffic={"max_concurrency": 8})
    async with serve_file(folder / file.name, {"waits": True}) as server:
        await server.line("Loading", within=10)
        shutil.rmtree(folder)
        server.send(signal.SIGUSR2)
        await server.line("Kept the old settings: .*: No such file or directory", within=10)
        await server.line("is not watched", within=10)
        assert (await ask(server)).status_code == 200
        folder.mkdir()
        write(folder / file.name, traffic={"max_concurrency": 7})
        server.send(signal.SIGHUP)
        await server.has(max_concurrency=7)


async def test_the_time_to_drain(file: Path) -> None:
    write(file, traffic={"drain_timeout": 100})
    async with serve_file(file, SLOWLY) as server:
        async with streaming(server, ENDLESS) as events:
            write(file, traffic={"drain_timeout": 0.1})
            await server.line("Changed traffic.drain_timeout: 100 → 0.1", within=10)
            server.send(signal.SIGTERM)
            chunks, last = await asyncio.wait_for(rest_of(events), 5)
        assert json.loads(last)["error"]["code"] == "draining"
        assert finish_reasons(chunks) <= {None}
        assert await server.exit_code(within=5) == 0
        assert "Traceback" not in "\n".join(server.lines)
