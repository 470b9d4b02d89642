"""Mistakes in the settings: `check` and `serve` say the same one line, and load no model for it."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.process import ROOT


async def sluice(*arguments: str) -> tuple[int | None, str, str]:
    """`python -m server ARGUMENTS`: its exit code, stdout and stderr."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluice", *arguments, cwd=ROOT, stdout=pipe, stderr=pipe
    )
    out, err = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode, out.decode(), err.decode()


async def test_the_demo_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PORT", "tcp://10.96.3.7:8000")  # as Kubernetes does beside a Service named sluice
    code, out, err = await sluice("check", "configs/demo.yaml", "--set", "traffic.max_concurrency=77")
    assert (code, err) == (0, "")
    assert out.startswith("configs/demo.yaml: fine.")
    assert "max_concurrency 77" in out


MISTAKES = {
    "wrong key": ("traffic:\n  concurency: 4\n", "{file}:2: traffic.concurency: there is no such setting"),
    "max_concurrency": ("traffic: {concurrency: 8, max_concurrency: 4}\n", "{file}:1: traffic: max_concurrency (4)"),
    "python object": ("model: !!python/object:os.system {}\n", "{file}:1: "),
    "duplicate key": ("http:\n  port: 1\n  port: 2\n", "{file}:3: http.port is set twice (first in line 2)"),
    "too many devices": ("engine: {workers: 4096}\n", "{file}:1: engine.workers: "),
    "no such argument": ("engine:\n  extra:\n    blok_size: 3\n", "{file}:3: engine.extra.blok_size: vLLM has no such"),
    "no such folder": ("model: /nowhere/at-all\n", "{file}:1: model: there is no such folder\n"),
    "aliases of aliases": ("a: &a [1]\nb: [*a, *c]\n", "{file}:2: found undefined alias"),
}


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_one_line_and_exit_2(tmp_path: Path, command: str, name: str) -> None:
    text, start = MISTAKES[name]
    file = tmp_path / "sluice.yaml"
    file.write_text(text)
    code, out, err = await sluice(command, str(file), "--set", "http.host=127.0.0.1")
    assert (code, out) == (2, "")
    assert err.startswith("sluice: " + start.format(file=file))
    assert err.count("\n") == 1, err
    assert "load" not in err


async def test_check_looks_for_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "sluice.yaml"
    file.write_text(f"model: org/name\ntenants:\n  - name: a\n    keys: [file:{tmp_path}/key]\n")
    code, _, err = await sluice("check", str(file))
    assert (code, err) == (
        2,
        f"sluice: {file}:4: tenants.0.keys.0: tenant a: {tmp_path}/key: No such file or directory\n",
    )
    (tmp_path / "key").write_text("sk-1\n")
    code, out, _ = await sluice("check", str(file))
    assert (code, "fine" in out) == (0, True)


async def test_check_looks_for_the_host() -> None:
    arguments = ("--set", "http.host=nowhere.invalid", "--set", "http.allow_anonymous=true")
    code, out, err = await sluice("check", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sluice: --set http.host: nowhere.invalid: ")


async def test_a_model_from_elsewhere_is_not_fetched() -> None:
    code, out, err = await sluice("check", "--set", "model=org/name", "--set", "engine.device=cpu")
    assert (code, err) == (0, "")
    assert out.endswith("Not tried with vLLM: the model would have to be downloaded\n")
    arguments = ("--set", "engine.extra.max_num_batched_tokens=many")
    code, _, err = await sluice("check", "--set", "model=org/name", "--set", "engine.device=cpu", *arguments)
    assert (code, err.startswith("sluice: --set engine.extra.max_num_batched_tokens: vLLM: ")) == (2, True)
