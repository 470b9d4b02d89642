"""`sluice init` as a user calls it: with options, and on a terminal that asks."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice.draft import PARSERS, draft
from sluice.engine.devices import Machine
from sluice.engine.gpus import Gpu, Memory
from sluice.settings import Settings
from sluice.settings.section import Mistake
from tests.cli.command import sluice, terminal
from tests.cli.test_check import HEADER

GIB = 1024**3
QWEN = {
    "model_type": "qwen3", "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 128, "hidden_size": 4096, "intermediate_size": 12288, "max_position_embeddings": 40960,
    "vocab_size": 151936,
}  # fmt: skip


async def test_what_it_writes_is_what_check_accepts(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    code, out, err = await sluice("init", str(file), "--model", "demo", "--access", "here")
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: written. demo on 1 × cpu, concurrency 16, max_concurrency 64. ")
    assert out.endswith(f"\nServe it with: sluice serve {file}\n")
    text = file.read_text()
    assert "# sequences that run at once" in text
    assert yaml.safe_load(text)["http"] == {"host": "127.0.0.1", "port": 8000}
    code, out, err = await sluice("check", str(file), "--json")
    assert (code, json.loads(out)["fine"], err) == (0, True, "")


async def test_it_writes_over_nothing_without_being_told(tmp_path: Path) -> None:
    file = tmp_path / "sluice.yaml"
    file.write_text("model: mine\n")
    code, out, err = await sluice("init", "--model", "demo", cwd=tmp_path)
    line = "sluice: sluice.yaml is there already: name another file, or say --force to write over it\n"
    assert (code, out, err) == (2, "", line)
    assert file.read_text() == "model: mine\n"
    code, out, _ = await sluice("init", "--model", "demo", "--force", "--access", "keys", "--json", cwd=tmp_path)
    told = json.loads(out)
    assert (code, told["fine"]) == (0, True)
    assert told["key"].startswith("sk-")
    assert told["key"] not in file.read_text()
    assert yaml.safe_load(file.read_text())["tenants"][0]["name"] == "default"


def test_a_terminal_asks_two_questions(tmp_path: Path) -> None:
    with terminal("init", cwd=tmp_path) as asked:
        asked.expect("Model: .*: ")
        asked.sendline("")
        asked.expect("Who may use it: .*: ")
        asked.sendline("keys")
        asked.expect("sluice.yaml: written. demo on ", timeout=120)
        asked.expect("Keep the key, it is not shown again: sk-")
        asked.expect(r"\$|$")
    assert (tmp_path / "sluice.yaml").exists()


async def test_a_model_that_is_not_there_is_one_line_and_no_file(tmp_path: Path) -> None:
    code, out, err = await sluice("init", "--model", "/nowhere/at-all", "--access", "here", cwd=tmp_path)
    assert (code, out, err) == (2, "", "sluice: model: there is no such folder\n")
    assert not (tmp_path / "sluice.yaml").exists()


async def test_a_hub_that_is_away_leaves_a_file_that_says_so(tmp_path: Path) -> None:
    code, out, err = await sluice(
        "init", "--model", "org/name", "--access", "here", cwd=tmp_path, env={"HF_ENDPOINT": "http://127.0.0.1:9"}
    )
    assert (code, err) == (0, "")
    assert "What fits into memory is not known: the hub does not tell: " in out
    assert yaml.safe_load((tmp_path / "sluice.yaml").read_text())["model"] == "org/name"


def drafted(folder: Path, gpu_gib: int, gpus: int = 1, parameters: int = 8_190_735_360) -> Any:
    """The settings for a model of this size, on GPUs that are numbers."""
    header = HEADER.replace(b"[4096, 1000]", f"[1, {parameters}]".encode())
    (folder / "config.json").write_text(json.dumps(QWEN))
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "tokenizer.json").touch()
    here = [Gpu("NVIDIA", Memory(gpu_gib * GIB, gpu_gib * GIB - GIB // 2), "570", f"GPU-{n}") for n in range(gpus)]
    made = draft(str(folder), "here", Machine(8, gpus), gpus=here, host=Memory(64 * GIB, 60 * GIB))
    return yaml.safe_load(made.text)


def test_parsers_and_numbers_are_those_of_model_and_machine(tmp_path: Path) -> None:
    roomy = drafted(tmp_path, 80)
    assert roomy["engine"] == {"device": "cuda", "tool_call_parser": "hermes", "reasoning_parser": "qwen3"}
    assert roomy["traffic"]["max_concurrency"] == 4 * roomy["traffic"]["concurrency"]
    tight = drafted(tmp_path, 22)
    assert 2048 < tight["engine"]["max_model_len"] < 40960
    assert tight["traffic"]["concurrency"] < roomy["traffic"]["concurrency"]
    assert drafted(tmp_path, 80, 4, 70_000_000_000)["engine"]["tensor_parallel_size"] == 2
    for each in (roomy, tight):
        Settings.model_validate(each)


def test_what_fits_nowhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="take a smaller model, or one that is quantized"):
        drafted(tmp_path, 80, 1, 70_000_000_000)


def test_vllm_has_the_parsers_that_it_names() -> None:
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    tools, reasoning = zip(*PARSERS.values(), strict=True)
    assert set(tools) <= set(ToolParserManager.list_registered())
    assert {name for name in reasoning if name} <= set(ReasoningParserManager.list_registered())
