"""`sluice bench frontend` as a user calls it, with a package in vLLM's place: Sluice finds no engine in it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.process import ROOT

PNG = b"\x89PNG\r\n\x1a\n"
AS_ON_A_TERMINAL = {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}
"""rich shows its spinner, and what it says."""
MAIN = """
import json, os, runpy, sys
assert sys.argv[0].endswith("main.py") and sys.argv[1] == "serve", sys.argv
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
assert os.environ["VLLM_USE_RUST_FRONTEND"] == str(int("VLLM_RUST_FRONTEND_PATH" in os.environ))
assert (options["--max-num-seqs"], options["--kv-cache-memory-bytes"]) == ("3", str(2**31))
http = {"host": options["--host"], "port": int(options["--port"])}
settings = {"http": http, "served_model_name": options["--served-model-name"]}
sys.argv[1:] = [json.dumps(settings), json.dumps({"seconds_a_token": 0.005})]
runpy.run_module("tests.serve_fake", run_name="__main__")
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """In which `vllm serve` is a server around the fake engine."""
    place = tmp_path / "path" / "vllm" / "entrypoints" / "cli"
    place.mkdir(parents=True)
    (place / "main.py").write_text(MAIN)
    for package in (place, place.parent, place.parent.parent):
        (package / "__init__.py").touch()
    return os.environ | {"PYTHONPATH": str(tmp_path / "path")}


async def bench(*arguments: str, out: Path, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluice", "bench", "frontend", *arguments, "--out", str(out),
        cwd=ROOT, stdout=pipe, stderr=pipe, env=env,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), err.decode()


def read(out: Path) -> Any:
    return json.loads((out / "frontend.json").read_text())


async def test_what_is_found_is_compared_as_a_table_a_file_and_a_picture(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    out, rust = tmp_path / "new" / "folder", tmp_path / "vllm-rs"
    rust.touch()
    arguments = ("--conns", "3", "--tokens", "8", "--seconds", "1", "--rounds", "1", "--rust", str(rust))
    code, shown, err = await ended(await bench(*arguments, out=out, env=environ))
    assert code == 0
    assert err.startswith("sluice: left out: Sluice ended with 1: ")
    assert err.count("\n") == 1
    assert (out / "frontend.png").read_bytes().startswith(PNG)
    written = read(out)
    assert list(written["servers"]) == ["vLLM", "vLLM, Rust"]
    assert len(written["left_out"]) == 1
    assert written["command"].startswith("sluice bench frontend --conns 3")
    assert [(load["tokens"], load["reading"], load["rounds"]) for load in written["loads"]] == [
        (8, "plain", 1), (8, "tools", 1), (8, "reasoning", 1), (1, "plain", 1),
    ]  # fmt: skip
    for load in written["loads"]:
        for medians in load["medians"].values():
            assert 0 < medians["requests_per_second"] < 3 / 0.005
            assert (medians["bad"], medians["short"]) == (0, 0)
    assert "vLLM / vLLM, Rust" in shown
    assert "answers of 8 tokens, tools on offer; 1 round" in shown


async def test_ctrl_c_shows_what_was_measured_and_ends_the_servers(tmp_path: Path, environ: dict[str, str]) -> None:
    arguments = ("--conns", "3", "--tokens", "8", "--seconds", "1", "--rounds", "100")
    process = await bench(*arguments, out=tmp_path, env=environ | AS_ON_A_TERMINAL)
    assert process.stderr
    await asyncio.wait_for(process.stderr.readuntil(b"round 2 of 100"), 60)
    servers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    code, _, err = await ended(process)
    assert code == 1
    assert err.endswith("sluice: interrupted: not all rounds are there\n")
    assert read(tmp_path)["interrupted"]
    assert 2 <= len(read(tmp_path)["rounds"]) < 20
    assert servers
    assert not any(map(psutil.Process.is_running, servers))


async def test_a_mistake_in_the_settings_is_one_line_and_exit_2(tmp_path: Path) -> None:
    result = await ended(await bench("--set", "engine.dtyp=half", out=tmp_path))
    line = "sluice: --set engine.dtyp: there is no such setting; did you mean engine.dtype?\n"
    assert result == (2, "", line)
