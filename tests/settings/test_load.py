"""Settings: four sources, and one clear line for each mistake."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SettingsError
from sluice.settings import Settings, load
from tests.settings.mistake import mistake

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "sluice.yaml"
    path.write_text(text)
    return path


def test_without_anything_there_are_the_defaults() -> None:
    assert load(None, (), {}) == Settings()


def test_command_line_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = write(tmp_path, "traffic: {concurrency: 1, max_concurrency: 50, timeout: 5}\n")
    settings = load(
        path,
        ["traffic.concurrency=3"],
        {"SLUICE_TRAFFIC__CONCURRENCY": "2", "SLUICE_TRAFFIC__MAX_CONCURRENCY": "20"},
    )
    assert settings.traffic.concurrency == 3
    assert settings.traffic.max_concurrency == 20
    assert settings.traffic.timeout == 5
    assert settings.traffic.drain_timeout == 25


MISTAKES = {
    "traffic:\n  concurency: 4\n": ("sluice.yaml:2: traffic.concurency: there is no", "mean traffic.concurrency?"),
    "trafic: {}\n": ("sluice.yaml:1: trafic: there is no such setting", "did you mean traffic?"),
    "traffic:\n  concurrency: 8\n  max_concurrency: 4\n": ("sluice.yaml:3: traffic.max_concurrency: 4", "8 would work"),
    "traffic:\n  concurrency: many\n": ("sluice.yaml:2: traffic.concurrency", "integer"),
    "traffic:\n  timeout: 0\n": ("sluice.yaml:2: traffic.timeout", "greater than 0"),
    "model: demo\nmodel: other\n": ("sluice.yaml:2: model is set twice", "line 1"),
    "traffic:\n  concurrency: 1\n  concurrency: 2\n": ("sluice.yaml:3: traffic.concurrency is set twice", "line 2"),
    "model: !!python/object:os.system {}\n": ("sluice.yaml:1:", "python/object"),
    "model: [\n": ("sluice.yaml:2:", "expected"),
    "- a\n": ("sluice.yaml:1:", "mapping"),
    "just words\n": ("sluice.yaml:1:", "mapping"),
    "engine:\n  extra:\n    max_num_seqs: 4\n": ("sluice.yaml:3: engine.extra.max_num_seqs", "traffic.concurrency"),
    "http:\n  port: 70000\n": ("sluice.yaml:2: http.port", "65535"),
    "http:\n  host: 0.0.0.0\n": ("sluice.yaml:2: http.host: 0.0.0.0", "http.allow_anonymous"),
    "http: 8000\n": ("sluice.yaml:1: http", "dictionary"),
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_file_line_and_key(tmp_path: Path, text: str) -> None:
    line = mistake(write(tmp_path, text), (), {})
    assert all(part in line for part in MISTAKES[text]), line


def test_mistakes_elsewhere_name_their_place(tmp_path: Path) -> None:
    assert mistake(None, ["traffic.concurency=4"], {}).startswith("--set traffic.concurency: there is no such setting")
    assert "KEY=VALUE" in mistake(None, ["traffic.concurrency"], {})
    assert mistake(None, (), {"SLUICE_HTTP__PORTS": "1"}).startswith("environment variable SLUICE_HTTP__PORTS:")
    there = "there is no such setting; did you mean traffic?"
    variable = "SLUICE_TRAFIC__CONCURRENCY"
    assert mistake(None, (), {variable: "1"}) == f"environment variable {variable}: trafic: {there}"
    assert mistake(tmp_path / "none.yaml", (), {}).endswith("No such file or directory")


@given(st.binary(max_size=60))
def test_no_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "sluice.yaml"
    path.write_bytes(content)
    message = str(path)
    try:
        load(path, (), {})
    except SettingsError as error:
        message = str(error)
    assert str(path) in message


def test_the_schema_in_configs_is_the_models() -> None:
    shipped = json.loads((ROOT / "configs" / "schema.json").read_text())
    del shipped["$schema"]
    assert shipped == Settings.model_json_schema()
