"""Every shipped settings file is right, and fits on the machine that it is meant for."""

from pathlib import Path

import pytest

from sluice.engine.devices import Machine
from sluice.errors import SettingsError
from sluice.settings import Settings, load

CONFIGS = Path(__file__).parents[2] / "configs"
MEANT_FOR = {
    "demo.yaml": Machine(cores=2, gpus=0),
    "one-gpu.yaml": Machine(cores=8, gpus=1),
    "tensor-parallel.yaml": Machine(cores=32, gpus=4),
    "workers.yaml": Machine(cores=32, gpus=4),
    "multi-node.yaml": Machine(cores=64, gpus=8),
}


def test_there_is_no_other_file() -> None:
    assert {path.name for path in CONFIGS.glob("*.yaml")} == set(MEANT_FOR)


@pytest.mark.parametrize("name", MEANT_FOR)
def test_it_fits_where_it_is_meant_to(name: str) -> None:
    settings = load(CONFIGS / name, (), {})
    MEANT_FOR[name].check(settings)
    assert settings.traffic.concurrency is not None
    assert (CONFIGS / name).read_text().startswith("# yaml-language-server: $schema=./schema.json\n")


@pytest.mark.parametrize("name", [name for name, machine in MEANT_FOR.items() if machine.gpus])
def test_without_gpus_it_is_an_error_that_names_a_key(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^engine\."):
        Machine(cores=2, gpus=0).check(load(CONFIGS / name, (), {}))


@pytest.mark.parametrize(
    ("engine", "machine", "key"),
    [
        ({"tensor_parallel_size": 4}, Machine(cores=64, gpus=2), "engine.tensor_parallel_size"),
        ({"workers": 3}, Machine(cores=64, gpus=2), "engine.workers"),
        ({"device": "cuda"}, Machine(cores=64, gpus=0), "engine.device"),
        ({"tensor_parallel_size": 2, "workers": 2}, Machine(cores=2, gpus=0), "engine.tensor_parallel_size"),
        ({"pipeline_parallel_size": 2}, Machine(cores=8, gpus=0), "engine.pipeline_parallel_size"),
        ({"extra": {"distributed_executor_backend": "ray"}}, Machine(cores=8, gpus=0), "engine.extra"),
    ],
)
def test_more_than_there_is(engine: dict[str, object], machine: Machine, key: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key}"):
        machine.check(Settings.model_validate({"engine": engine}))


def test_auto_takes_the_gpu_if_there_is_one() -> None:
    engine = Settings().engine
    assert Machine(cores=1, gpus=1).device(engine) == "cuda"
    assert Machine(cores=1, gpus=0).device(engine) == "cpu"
