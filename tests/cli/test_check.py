"""Mistakes in the settings: `check` and `serve` say them in the same words, and load no model for it."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from sluice.settings.models import DEMO
from tests.cli.command import sluice
from tests.cli.hub import hub


async def test_the_demo_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PORT", "tcp://10.96.3.7:8000")  # as Kubernetes does beside a Service named sluice
    code, out, err = await sluice("check", "configs/demo.yaml", "--set", "traffic.max_concurrency=77")
    assert (code, err) == (0, "")
    assert out.startswith("configs/demo.yaml: fine.")
    assert "max_concurrency 77" in out
    assert re.search(r"7\.2 MiB of weights and 288\.0 MiB of KV cache, 4,096 bytes a token: 73,728 tokens in all", out)


MISTAKES = {
    "wrong key": ("traffic:\n  concurency: 4\n", "{file}:2: traffic.concurency: there is no such setting"),
    "max_concurrency": (
        "traffic: {concurrency: 8, max_concurrency: 4}\n",
        "{file}:1: traffic.max_concurrency: 4 is smaller",
    ),
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


ALL_WRONG = """\
trafic: {}
traffic:
  concurrency: "16"
  max_concurrency: 0
engine:
  device: gpu
  workers: 4096
  tool_call_parser: hermse
  extra:
    blok_size: 3
    enforce_eager: "yes"
http:
  host: 0.0.0.0
  port: 70000
  port: 80000
tenants:
  - name: a
    keys: [sk-secret]
lora:
  - {name: x, path: /nowhere}
"""
WORKS = {
    1: None, 3: 16, 4: 1, 6: "cpu", 7: len(os.sched_getaffinity(0)), 8: None, 10: None, 11: True, 13: "127.0.0.1",
    15: 65535, 18: None, 20: None,
}  # fmt: skip
"""The lines with a mistake, and a value for each that has one."""


async def test_every_problem_has_its_line_and_a_value_that_would_work(tmp_path: Path) -> None:
    file = tmp_path / "sluice.yaml"
    file.write_text(ALL_WRONG)
    code, out, err = await sluice("check", str(file), "--json", "--set", "streaming.coalesce=never")
    assert (code, err) == (2, "")
    told = json.loads(out)
    assert not told["fine"]
    found = {each["line"]: each["works"] for each in told["problems"] if "twice" not in each["message"]}
    assert found == WORKS | {None: "off"}
    assert "http.port is set twice (first in line 14)" in out
    assert "sk-secret" not in out
    code, out, err = await sluice("check", str(file))
    assert (code, out) == (2, "")
    assert err.count("\n") == len(WORKS) + 1
    assert f"sluice: {file}:3: traffic.concurrency: input should be a valid integer; 16 would work\n" in err


async def test_the_values_that_work_do(tmp_path: Path) -> None:
    file = tmp_path / "sluice.yaml"
    file.write_text("traffic: {concurrency: 0, queue_timeout: 0}\nhttp: {port: 99999}\nengine: {dtype: bfloat}\n")
    told: Any = json.loads((await sluice("check", str(file), "--json"))[1])
    overrides = [f"--set={each['key']}={json.dumps(each['works'])}" for each in told["problems"]]
    assert len(overrides) == 4
    code, out, err = await sluice("check", str(file), "--json", *overrides)
    assert (code, json.loads(out)["problems"], err) == (0, [], "")


async def test_a_kv_cache_that_is_too_small_has_a_size_that_fits() -> None:
    small = ("--set", "engine.extra.kv_cache_memory_bytes=100000000", "--set", "engine.dtype=bfloat16")
    code, out, err = await sluice("check", "configs/demo.yaml", *small, "--json")
    assert (code, err) == (2, "")
    (problem,) = json.loads(out)["problems"]
    assert problem["key"] == "engine.extra.kv_cache_memory_bytes"
    assert problem["message"].startswith("a sequence of 32,768 tokens needs 0.13 GiB of KV cache on each device")
    small = (*small[2:], "--set", f"engine.extra.kv_cache_memory_bytes={problem['works']}")
    code, out, err = await sluice("check", "configs/demo.yaml", *small, "--json")
    assert (code, err) == (0, "")
    assert 1 <= json.loads(out)["memory"]["full_length"] < 1.1


async def test_a_template_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("*.py", "*.jinja", "__pycache__"))
    code, out, err = await sluice("check", "--set", f"model={folder}", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["warnings"] == ["The model has no chat template: chats will be refused, completions work"]


HEADER = json.dumps({"w": {"dtype": "BF16", "shape": [4096, 1000], "data_offsets": [0, 8_192_000]}}).encode()
CONFIG = {"num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64,
          "hidden_size": 512, "vocab_size": 100, "intermediate_size": 64, "max_position_embeddings": 4096}  # fmt: skip
PARTS = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": len(HEADER).to_bytes(8, "little") + HEADER}


def weights_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*.safetensors"))


async def test_a_model_of_the_hub_is_measured_without_its_weights(tmp_path: Path) -> None:
    arguments = ("check", "--json", "--set", "model=org/name", "--set", "engine.device=cpu")
    with hub({"org/name": PARTS}) as env:
        code, out, err = await sluice(*arguments, env=env | {"HF_HOME": str(tmp_path)})
    told = json.loads(out)
    assert (code, err, told["memory_unknown"]) == (0, "", None)
    assert (told["memory"]["weights"], told["memory"]["kv_token"]) == (2 * 4096 * 1000, 2 * 2 * 64 * 2 * 2)
    assert weights_in(tmp_path) == []


async def test_a_gated_model_of_the_hub_is_said(tmp_path: Path) -> None:
    arguments = ("check", "--set", "model=org/name", "--set", "engine.device=cpu")
    with hub({"org/name": None}) as env:
        code, out, err = await sluice(*arguments, env=env | {"HF_HOME": str(tmp_path)})
    assert (code, err) == (0, "")
    assert "What fits into memory is not known: the model is gated" in out
