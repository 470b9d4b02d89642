"""Adapters' folders, looked at before vLLM is imported, and what vLLM is told of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.engine.devices import Device
from sluice.engine.vllm.adapters import CONFIG, arguments, check_adapters
from sluice.errors import SettingsError
from sluice.settings import Settings
from sluice.settings.section import Mistake
from tests.settings.mistake import mistake

WHOLE: dict[str, Any] = {"peft_type": "LORA", "r": 8, "lora_alpha": 16}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / CONFIG).write_text(json.dumps(WHOLE))
    (tmp_path / "a" / "adapter_model.safetensors").touch()
    return tmp_path / "a"


def of(*folders: Path | str) -> Settings:
    lora = [{"name": f"adapter-{number}", "path": str(folder)} for number, folder in enumerate(folders)]
    return Settings.model_validate({"lora": lora})


@pytest.mark.parametrize(
    ("config", "room"), [({}, 8), ({"r": 1}, 1), ({"r": 9}, 16), ({"r": 4, "rank_pattern": {"q_proj": 200}}, 256)]
)
def test_vllm_has_room_for_the_largest(folder: Path, config: dict[str, Any], room: int) -> None:
    (folder / CONFIG).write_text(json.dumps(WHOLE | config))
    check_adapters(of(folder, folder))
    slots: dict[Device, int] = {"cuda": 2, "cpu": 3}
    for device, number in slots.items():
        told = {"enable_lora": True, "max_loras": number, "max_lora_rank": room}
        assert arguments(of(folder, folder), device) == told
        assert arguments(of(), device) == {}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "its adapter_config.json is not a JSON object that can be read"),
        (json.dumps(WHOLE | {"r": "8"}), "its adapter_config.json is not a LoRA adapter's"),
        (json.dumps({"peft_type": "LORA"}), "its adapter_config.json is not a LoRA adapter's"),
        (json.dumps(WHOLE | {"peft_type": "IA3"}), "its adapter_config.json is not a LoRA adapter's"),
        (json.dumps(WHOLE | {"rank_pattern": {"a": 0}}), "its adapter_config.json is not a LoRA adapter's"),
        (json.dumps(WHOLE | {"rank_pattern": 5.5}), "its adapter_config.json is not a LoRA adapter's"),
        (json.dumps(WHOLE | {"r": 600}), "its rank is 600, and vLLM takes 512 at most"),
    ],
)
def test_what_its_file_does_not_tell_is_a_mistake(folder: Path, config: str, message: str) -> None:
    (folder / CONFIG).write_text(config)
    with pytest.raises(Mistake) as found:
        check_adapters(of(folder))
    assert str(found.value).startswith(f"lora.0.path: {message}")


def test_what_is_not_there_is_a_mistake(folder: Path) -> None:
    with pytest.raises(Mistake, match=r"^lora\.1\.path: there is no such folder$"):
        check_adapters(of(folder, "/nowhere"))
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(Mistake, match=r"^lora\.0\.path: the folder has no adapter_model\.safetensors$"):
        check_adapters(of(folder))
    (folder / CONFIG).unlink()
    with pytest.raises(Mistake, match=r"has no adapter_config\.json, no adapter_model\.safetensors$"):
        check_adapters(of(folder))


def test_a_home_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    check_adapters(of("~/a"))


MISTAKES = {
    "  - {name: demo, path: x}\n": (2, "lora.0.name: the same name as the model itself"),
    "  - {name: a, path: x}\n  - {name: a, path: y}\n": (3, "lora.1.name: the same name as lora.0"),
    "  - {name: a}\n": (2, "lora.0.path: field required"),
    "  - {name: '', path: x}\n": (2, "lora.0.name: string should have at least 1 character"),
}


@pytest.mark.parametrize("adapters", MISTAKES)
def test_a_mistake_names_its_line_and_key(tmp_path: Path, adapters: str) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(f"lora:\n{adapters}")
    line, start = MISTAKES[adapters]
    assert mistake(path, (), {}).startswith(f"{path}:{line}: {start}")


def test_it_is_told_before_vllm_could(tmp_path: Path) -> None:
    from sluice.checked import checked

    path = tmp_path / "sluice.yaml"
    path.write_text("lora:\n  - name: loud\n    path: /nowhere\n")
    with pytest.raises(SettingsError, match=rf"^{path}:3: lora\.0\.path: there is no such folder$"):
        checked(path, ())


def test_what_has_a_setting_is_not_an_extra() -> None:
    with pytest.raises(ValueError, match="it is set by lora"):
        Settings.model_validate({"engine": {"extra": {"enable_lora": True}}})
