"""`sluice bench overload` as a user calls it: on Sluice around the fake engine, and on servers of other make."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.peer import END, STREAM, answering, events, whole
from tests.process import ROOT, Process, started

SETTINGS = {"http": {"port": 0}, "traffic": {"concurrency": 4, "max_concurrency": 8}}
ENGINE = {"seconds_a_token": 0.01}
PNG = b"\x89PNG\r\n\x1a\n"
MODELS = b'{"data":[{"id":"theirs"}]}'
CONTENT = '{"choices":[{"delta":{"content":"1"},"finish_reason":"stop"}]}'


@asynccontextmanager
async def sluice() -> AsyncIterator[Process]:
    """A server that finishes 20 requests a second or a little less: four at once, 20 tokens of 10 ms each."""
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps(ENGINE)) as server:
        await server.readiness("ready")
        yield server


async def bench(*arguments: str, out: Path) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluice", "bench", "overload", *arguments, "--out", str(out),
        cwd=ROOT, stdout=pipe, stderr=pipe,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Its exit code, stdout and stderr."""
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), err.decode()


def rows(table: str) -> dict[str, list[str]]:
    """Name → a cell a load."""
    lines = [
        [cell.strip() for cell in line.strip("│┃").split(line[0])] for line in table.splitlines() if line[:1] in "│┃"
    ]
    return {name: cells for name, *cells in lines}


def read(out: Path) -> Any:
    return json.loads((out / "overload.json").read_text())


async def test_overload_is_shown_as_a_table_a_file_and_a_picture(tmp_path: Path) -> None:
    async with sluice() as server:
        status_before = await server.status()
        code, shown, err = await ended(
            await bench(
                server.url, "--seconds", "2", "--multiples", "0.3,10", "--clients", "6", "--retries", "1",
                "--tokens", "20", "--key", "first-key", "--key", "second-key", out=tmp_path / "new" / "folder",
            )
        )  # fmt: skip
        status = await server.status()
    assert (code, err) == (0, "")
    written = read(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "overload.png").read_bytes().startswith(PNG)

    assert 2 < written["saturation_requests_per_second"] < 21
    assert (written["probe"], written["body"]["model"], written["tenants"]) == ("/livez", "demo", 2)
    assert not written["interrupted"]
    assert written["command"].startswith("sluice bench overload http://127.0.0.1:")
    assert {"date", "machine", "method"} <= set(written)

    low, high = written["levels"]
    assert (low["multiple"], high["multiple"]) == (0.3, 10)
    assert set(low["outcomes"]) == {"finished"}
    assert set(high["outcomes"]) == {"finished", "refused"}
    assert high["offered"] > 5 * written["saturation_requests_per_second"]
    assert high["goodput"] > 1.5 * low["goodput"]
    assert round(high["goodput"]) <= 4 / ENGINE["seconds_a_token"]
    assert high["refused"]["count"] == high["outcomes"]["refused"]
    assert high["refused"]["p50"] <= high["refused"]["p95"] <= high["refused"]["p99"] < high["admitted"]["p50"]
    assert high["retries"]["attempts"] > 0
    assert 0.5 < high["jain"] <= 1
    assert low["probe"]["count"] > 20

    table = rows(shown)
    assert table["load"] == ["0.3×", "10×"]
    assert table["finished"] == [str(level["outcomes"]["finished"]) for level in (low, high)]
    assert table["refused"] == ["", str(high["outcomes"]["refused"])]
    assert table["goodput, tokens a second"] == [f"{level['goodput']:.1f}" for level in (low, high)]
    assert table["of its peak"] == [f"{low['goodput'] / high['goodput']:.1%}", "100.0%"]
    assert {"whole answer", "first token", "refusal", "probe", "retries", "Jain's index"} <= set(table)

    assert "first-key" not in shown + (tmp_path / "new" / "folder" / "overload.json").read_text()
    assert status["admitted"] == 0, "the server was left with requests inside"
    assert status["finished"]["finished"] > status_before["finished"]["finished"]


async def test_ctrl_c_shows_what_was_measured(tmp_path: Path) -> None:
    async with sluice() as server:
        process = await bench(
            server.url, "--saturation", "10", "--multiples", "1,10", "--seconds", "5", "--tokens", "5", out=tmp_path
        )
        async with asyncio.timeout(60):
            while (await server.status())["finished"]["finished"] < 20:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        code, shown, err = await ended(process)
        await server.has(admitted=0, within=5)
    assert (code, err) == (1, "sluice: interrupted: the last load was shorter than the others\n")
    assert rows(shown)["load"] == ["1×"]
    (level,) = read(tmp_path)["levels"]
    assert read(tmp_path)["interrupted"]
    assert 0 < level["seconds"] < 4
    assert level["goodput"] > 0


def theirs(path: str, body: bytes) -> Sequence[bytes]:
    """vLLM's probe, and OpenAI's opinion of fields that it does not know."""
    if path == "/v1/models":
        return whole(200, MODELS)
    if path == "/health":
        return whole(200, b"")
    if path == "/v1/chat/completions" and b"ignore_eos" in body:
        return whole(400, b'{"error":{"message":"Unknown parameter: ignore_eos"}}')
    if path == "/v1/chat/completions":
        return [STREAM, events(CONTENT, "[DONE]"), END]
    return whole(404, b"")


async def test_any_server_will_do(tmp_path: Path) -> None:
    async with answering(theirs) as peer:
        code, _, err = await ended(
            await bench(f"{peer.url}/v1/", "--saturation", "20", "--multiples", "1", "--seconds", "1", out=tmp_path)
        )
    assert (code, err) == (0, "")
    written = read(tmp_path)
    assert (written["probe"], written["body"]["model"]) == ("/health", "theirs")
    assert "ignore_eos" not in written["body"]
    (level,) = written["levels"]
    assert level["outcomes"]["finished"] == level["goodput"] * level["seconds"] > 0
    assert peer.requests.count("/health") > 20


async def test_without_matplotlib_there_is_no_picture_and_a_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with answering(theirs) as peer:
        code, shown, err = await ended(
            await bench(peer.url, "--saturation", "20", "--multiples", "1", "--seconds", "1", out=tmp_path)
        )
    assert (code, err) == (1, "sluice: no overload.png: it needs matplotlib (pip install .[bench])\n")
    assert rows(shown)["load"] == ["1×"]
    assert len(read(tmp_path)["levels"]) == 1
    assert not (tmp_path / "overload.png").exists()


def wrong_model(path: str, body: bytes) -> Sequence[bytes]:
    if path == "/v1/chat/completions":
        return whole(404, b'{"error":{"message":"The model `nope`\\ndoes not exist."}}')
    return whole(200, MODELS)


MISTAKES = {
    "wrong model": (["--model", "nope"], "{url}/v1/chat/completions: 404 The model `nope` does not exist."),
    "no number": (["--multiples", "1,x"], "--multiples 1,x: write numbers up to 100, such as 0.5,1,2,5,10"),
    "not a number": (["--multiples", "nan"], "--multiples nan: write numbers up to 100, such as 0.5,1,2,5,10"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_one_line_and_exit_1(tmp_path: Path, name: str) -> None:
    arguments, line = MISTAKES[name]
    async with answering(wrong_model) as peer:
        result = await ended(await bench(peer.url, *arguments, out=tmp_path))
    assert result == (1, "", f"sluice: {line.format(url=peer.url)}\n")


async def test_more_requests_than_can_be_remembered_are_not_begun(tmp_path: Path) -> None:
    async with answering(theirs) as peer:
        code, _, err = await ended(await bench(peer.url, "--saturation", "100000", out=tmp_path))
    assert code == 1
    assert err.startswith("sluice: 10× would be 10000000 requests, more than 200000: ")
    assert err.count("\n") == 1


async def test_nobody_there_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    assert await ended(await bench(url, out=tmp_path)) == (1, "", f"sluice: {url} cannot be reached\n")
    code, _, err = await ended(await bench("127.0.0.1:8000", out=tmp_path))
    assert (code, err) == (1, "sluice: 127.0.0.1:8000: not a URL such as http://127.0.0.1:8000\n")
