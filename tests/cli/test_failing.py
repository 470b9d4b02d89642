"""`sluice serve` with what it cannot load, on the real vLLM: one line that says what to do, and the exit code."""

import json
from pathlib import Path

import pytest

from tests.cli.hub import hub
from tests.process import QUICK, started

pytestmark = pytest.mark.timeout(600)
ODD = {
    "architectures": ["FooForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 2, "vocab_size": 100, "max_position_embeddings": 128,
}  # fmt: skip
SERVE = ("sluice", "serve", "--set", "http.port=0", "--set", "engine.device=cpu", *QUICK)


async def failing(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, list[str]]:
    """The exit code, and what is said after the steps of loading."""
    async with started(*SERVE, *arguments, env=env) as process:
        code = await process.exit_code(within=400)
    return code, [line for line in process.lines[1:] if not line.startswith("sluice: Loading")]


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (
            "org/gated",
            "sluice: model: org/gated is gated: accept its terms at {hub}/org/gated, and log in with `hf auth",
        ),
        ("org/odd", "sluice: model: this vLLM does not know its architecture, FooForCausalLM"),
        ("org/none", "sluice: model: there is no {hub}/org/none, or it is private: look at its name, or log in with"),
    ],
)
async def test_a_model_that_cannot_be_had_is_one_line_and_exit_2(tmp_path: Path, model: str, line: str) -> None:
    with hub({"org/gated": None, "org/odd": {"config.json": json.dumps(ODD).encode()}}) as env:
        code, said = await failing("--set", f"model={model}", env=env | {"HF_HOME": str(tmp_path)})
    assert (code, len(said)) == (2, 1), said
    assert said[0].startswith(line.format(hub=env["HF_ENDPOINT"]))


NOWHERE = "http://127.0.0.1:9"


async def test_a_hub_that_is_away_is_one_line_and_exit_1(tmp_path: Path) -> None:
    env = {"HF_ENDPOINT": NOWHERE, "HF_HOME": str(tmp_path)}
    code, said = await failing("--set", "model=org/name", env=env)
    assert (code, len(said)) == (1, 1), said
    assert said[0].startswith(
        f"sluice: The model org/name cannot be loaded: it is not here, and {NOWHERE} cannot be re"
    )
    assert said[0].endswith("look at the network, HTTPS_PROXY or HF_ENDPOINT, or name a folder as the model")


async def test_debug_shows_where_it_failed(tmp_path: Path) -> None:
    env = {"HF_ENDPOINT": NOWHERE, "HF_HOME": str(tmp_path)}
    code, said = await failing("--debug", "--set", "model=org/name", env=env)
    assert code == 1
    assert any("Traceback (most recent call last)" in line for line in said)


async def test_a_kv_cache_that_is_too_small_has_a_length_that_fits() -> None:
    small = ("--set", "engine.extra.kv_cache_memory_bytes=16000000")
    code, (said,) = await failing(*small)
    assert code == 2
    assert said.startswith(
        "sluice: engine.max_model_len: a sequence of 32,768 tokens needs 0.25 GiB of KV cache, and th"
    )
    length = int(said.removesuffix(" would work").rpartition(" ")[2])
    arguments = (*small, "--set", f"engine.max_model_len={length}")
    async with started(*SERVE, *arguments) as process:
        assert (await process.readiness("ready", within=400)).status_code == 200
