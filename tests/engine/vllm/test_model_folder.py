"""A model's folder, looked at before vLLM is imported."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.engine.vllm.model_folder import INDEX, check_model
from sluice.settings import Settings
from sluice.settings.models import DEMO
from sluice.settings.section import Mistake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(DEMO, tmp_path / "model", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def check(model: Path | str, **extra: object) -> None:
    check_model(Settings.model_validate({"model": str(model), "engine": {"extra": extra}}))


def test_what_is_whole_or_elsewhere_is_left_to_vllm(folder: Path) -> None:
    check("demo")
    check(folder)
    for name in ("org/name", "gpt2", "org/name.v1-2", "org/name:Q4_K_M", "s3://bucket/a/model", "org/name-GGUF"):
        check(name)


@pytest.mark.parametrize("name", ["/nowhere", "./x", "../x", "~/no/where", "a/b/c", "org/", ".hidden", "a b", "a\0b"])
def test_what_can_only_be_a_folder_has_to_be_there(name: str) -> None:
    with pytest.raises(Mistake, match=r"^model: there is no such folder$"):
        check(name)


@pytest.mark.parametrize("pin", [{}, {"revision": "main"}, {"code_revision": "", "revision": "v1"}], ids=str)
def test_the_code_of_a_model_from_elsewhere_is_pinned(folder: Path, pin: dict[str, str]) -> None:
    with pytest.raises(Mistake, match=r"^engine\.extra\.trust_remote_code: .*code_revision"):
        check("org/name", trust_remote_code=True, **pin)
    check("org/name", trust_remote_code=True, code_revision="0123456789" * 4)
    check(folder, trust_remote_code=True)
    check("org/name", trust_remote_code=False)


def test_a_home_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    check("~/model")
    assert Settings(model="~/model").model_path == str(folder)


@pytest.mark.parametrize(
    ("spoil", "missing"),
    [
        (lambda at: (at / "config.json").unlink(), r"no config\.json$"),
        (lambda at: (at / "model.safetensors").unlink(), r"no weights \(\*\.safetensors\)$"),
        (lambda at: (at / "tokenizer.json").unlink(), r"no tokenizer \(tokenizer\.json\)$"),
        (lambda at: [path.unlink() for path in at.iterdir()], r"no config\.json, no weights .*, no tokenizer"),
        (lambda at: (at / INDEX).write_text('{"weight_map": {"a": "model.safetensors", "b": "other.safetensors"}}'),
            r"no other\.safetensors$"),
        (lambda at: (at / "config.json").write_text("{"), r"its config\.json is not a JSON object"),
        (lambda at: (at / "config.json").write_text("[" * 100_000), r"its config\.json is not a JSON object"),
        (lambda at: (at / INDEX).write_text("3"), "its model.safetensors.index.json is not a JSON object"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(folder: Path, spoil: Callable[[Path], object], missing: str) -> None:
    spoil(folder)
    with pytest.raises(Mistake, match=f"^model: .*{missing}"):
        check(folder)


def test_what_is_said_to_be_elsewhere_is_not_missed(folder: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).unlink()
    check(folder, load_format="dummy", tokenizer="org/name")
