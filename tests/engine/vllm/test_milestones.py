"""vLLM's processes tell how far they have come, and nobody but Milestones hears more than was asked for."""

import os

import pytest

from sluice.engine.base import Loading
from sluice.engine.vllm.milestones import LEVEL, STAGES, Milestones

PREFIX = "(EngineCore pid=7) INFO 11-29 17:27:04 [core.py:1] "
CPU = [
    f"{PREFIX}Starting to load model demo...",
    "Loading safetensors checkpoint shards:   0% Completed | 0/2 [00:00<?, ?it/s]",
    "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01, 1.00s/it]",
    "Loading safetensors checkpoint shards: 100% Completed | 2/2 [00:02<00:00, 1.00s/it]",
    f"{PREFIX}Loading weights took 2.01 seconds",
    f"{PREFIX}Warming up model for the compilation...",
    f"{PREFIX}Warming up done.",
    f"{PREFIX}CPU KV cache size: 43,680 tokens, Maximum concurrency for 4,096 tokens per request: 10.66x",
]
GPU = [
    *CPU[:1],
    f"{PREFIX}Time spent downloading weights for demo: 31.5 seconds",
    *CPU[1:5],
    f"{PREFIX}Model loading took 1.2 GiB memory and 3.4 seconds",
    f"{PREFIX}GPU KV cache size: 43,680 tokens, Maximum concurrency for 4,096 tokens per request: 10.66x",
    "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  43%|████▎     | 3/7 [00:01<00:02,  1.72it/s]",
]


def told(lines: list[str]) -> list[tuple[str, float | None]]:
    found: list[Loading] = []
    milestones = Milestones(found.append)
    for line in lines:
        milestones.heard(line)
    return [(loading.stage, loading.part) for loading in found]


def test_the_stages_of_a_start_on_a_cpu() -> None:
    assert told(CPU) == [
        ("fetching the model", None), ("loading the weights", 0.0), ("loading the weights", 0.5),
        ("loading the weights", 1.0), ("making room for the KV cache", None), ("warming up", None),
    ]  # fmt: skip


def test_the_stages_of_a_start_on_a_gpu() -> None:
    assert [stage for stage, _ in told(GPU)][::2] == [
        "fetching the model", "loading the weights", "making room for the KV cache", "warming up",
    ]  # fmt: skip
    assert told(GPU)[-1] == ("warming up", 0.43)


def test_what_a_second_worker_tells_later_is_no_step_back() -> None:
    assert told([line for line in CPU for _ in range(2)]) == told(CPU) == told(CPU + CPU)


def test_once_it_is_over_nothing_is_told() -> None:
    found: list[Loading] = []
    milestones = Milestones(found.append)
    milestones.is_over = True
    milestones.heard(CPU[0])
    assert found == []


@pytest.mark.parametrize("level", [None, "WARNING"])
def test_what_nobody_asked_for_is_for_nobody_else(monkeypatch: pytest.MonkeyPatch, level: str | None) -> None:
    monkeypatch.delenv(LEVEL, raising=False)
    if level is not None:
        monkeypatch.setenv(LEVEL, level)
    milestones = Milestones(lambda loading: None)
    with milestones.told():
        assert os.environ[LEVEL] == "INFO"
    assert os.environ.get(LEVEL) == level
    assert milestones.heard(CPU[0])
    assert not milestones.heard("(EngineCore pid=7) WARNING 11-29 17:27:04 [core.py:1] INFO is not all.")
    assert not milestones.heard(CPU[1])


@pytest.mark.parametrize("name", [LEVEL, "VLLM_LOGGING_CONFIG_PATH"])
def test_what_the_user_has_asked_for_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(LEVEL, raising=False)
    monkeypatch.setenv(name, "INFO")
    milestones = Milestones(lambda loading: None)
    with milestones.told():
        assert os.environ.get(LEVEL) == ("INFO" if name == LEVEL else None)
    assert not milestones.heard(CPU[0])


def test_each_stage_has_a_name() -> None:
    assert len(set(STAGES)) == len(STAGES)
