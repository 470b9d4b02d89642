"""Tenants in the settings: what they may be, where a mistake stands, and who may do without them."""

import json
from pathlib import Path

import pytest

from sluice.errors import SettingsError
from sluice.settings import Settings, Tenant, load
from tests.settings.mistake import mistake

SHA = "sha256:" + "0a" * 32
ONE = f"tenants:\n  - name: a\n    keys: [{SHA}]\n"


def test_what_is_not_said_is_not_limited() -> None:
    (tenant,) = Settings.model_validate({"tenants": [{"name": "a", "keys": [SHA]}]}).tenants
    assert tenant.weight == 1
    assert tenant.classes == ["interactive", "batch"]
    assert tenant.max_concurrency is tenant.requests_per_minute is tenant.tokens_per_minute is None


MISTAKES = {
    "    wieght: 2\n": (4, "tenants.0.wieght: there is no such setting; did you mean tenants.0.weight?"),
    "    weight: 0\n": (4, "tenants.0.weight: input should be greater than or equal to 0.001"),
    "    weight: .inf\n": (4, "tenants.0.weight: input should be a finite number"),
    "    classes: []\n": (4, "tenants.0.classes: list should have at least 1 item"),
    "    classes:\n    - batch\n    - slow\n": (6, "tenants.0.classes.1: input should be 'interactive' or 'batch'"),
    "    max_concurrency: 0\n": (4, "tenants.0.max_concurrency: "),
    "    requests_per_minute: 0\n": (4, "tenants.0.requests_per_minute: "),
    "    tokens_per_minute: 0.5\n": (4, "tenants.0.tokens_per_minute: "),
    "    name: b\n": (4, "tenants.0.name is set twice (first in line 2)"),
    "  - kyes: [env:B]\n    name: b\n": (4, "tenants.1.kyes: there is no such setting; did you mean tenants.1.keys?"),
    "  - name: b\n": (4, "tenants.1.keys: field required"),
    "  - name: b\n    keys: []\n": (5, "tenants.1.keys: list should have at least 1 item"),
    "  - name: a\n    keys: [env:B]\n": (4, "tenants.1.name: the same name as tenants.0.name"),
    "  - name: anonymous\n    keys: [env:B]\n": (4, "tenants.1.name: anonymous is who everyone is"),
    "  - name: a b\n    keys: [env:B]\n": (4, "tenants.1.name: string should match pattern"),
    f"  - name: {'b' * 65}\n    keys: [env:B]\n": (4, "tenants.1.name: string should match pattern"),
    f"  - name: b\n    keys:\n    - env:B\n    - {SHA}\n": (7, "tenants.1.keys.1: the same key as tenants.0.keys.0"),
    "  - name: b\n    keys:\n      - env:B\n      - env:B\n": (7, "tenants.1.keys.1: the same key as tenants.1.keys.0"),
}  # fmt: skip


@pytest.mark.parametrize("more", MISTAKES)
def test_a_mistake_names_its_line_and_key(tmp_path: Path, more: str) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(ONE + more)
    line, start = MISTAKES[more]
    assert mistake(path, (), {}).startswith(f"{path}:{line}: {start}")


@pytest.mark.parametrize(
    "source",
    [
        "sk-secret",
        "sha256:abc",
        f"{SHA}0",
        f"{SHA}\n",
        SHA.replace("sha256", "md5"),
        "env:",
        "env:A-B",
        "file:",
        "file:\0",
    ],
)
def test_where_a_key_is_known_from_is_one_of_three(source: str) -> None:
    line = mistake(None, [f"tenants={json.dumps([{'name': 'a', 'keys': [source]}])}"], {})
    assert line.startswith("--set tenants: tenants.0.keys.0: write sha256:<64 hex digits>, env:NAME or file:PATH")
    assert "secret" not in line


def test_the_command_line_and_the_environment_give_whole_lists(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(ONE)
    variables = {"SLUICE_TENANTS": "[{name: b, keys: [env:B, 'file:/b']}]"}
    assert load(path, (), variables).tenants == [Tenant(name="b", keys=["env:B", "file:/b"])]
    assert load(path, ["tenants=[{name: c, keys: [env:C]}]"], variables).tenants == [Tenant(name="c", keys=["env:C"])]
    assert load(path, ["tenants=[]"], {}).tenants == []


def test_a_mistake_in_such_a_list_names_where_it_was_set(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(ONE)
    text = "[{name: b, keys: [env:B], wieght: 1}]"
    there = "tenants.0.wieght: there is no such setting; did you mean tenants.0.weight?"
    assert mistake(path, (), {"SLUICE_TENANTS": text}) == f"environment variable SLUICE_TENANTS: {there}"
    assert mistake(path, [f"tenants={text}"], {}) == f"--set tenants: {there}"


OPERATORS = {
    "  keys: sk-secret\n": (2, "operators.keys: input should be a valid list"),
    "  keys:\n  - env:A\n  - sk-secret\n": (4, "operators.keys.1: write sha256:<64 hex digits>, env:NAME or file:PATH"),
    "  kyes: [env:A]\n": (2, "operators.kyes: there is no such setting; did you mean operators.keys?"),
}


@pytest.mark.parametrize("text", OPERATORS)
def test_a_mistake_in_the_operators_names_its_line_and_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(f"operators:\n{text}")
    line, start = OPERATORS[text]
    told = mistake(path, (), {})
    assert told.startswith(f"{path}:{line}: {start}")
    assert "secret" not in told


def test_operators_do_not_make_a_server_beyond_loopback_anything_else_than_open() -> None:
    with pytest.raises(SettingsError, match="without tenants"):
        load(None, ["http.host=0.0.0.0", "operators.keys=[env:A]"], {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_nobody_needs_a_key(host: str) -> None:
    assert load(None, [f"http.host='{host}'"], {}).tenants == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org", "", "localhost.example.org"])
def test_beyond_loopback_it_takes_tenants_or_a_word(host: str) -> None:
    here = [f"http.host='{host}'"]
    line = mistake(None, here, {})
    assert line.startswith(f"--set http.host: {host} is beyond loopback")
    assert "tenants" in line
    assert "http.allow_anonymous: true" in line
    assert load(None, [*here, "http.allow_anonymous=true"], {}).http.host == host
    assert load(None, [*here, "tenants=[{name: a, keys: [env:A]}]"], {}).http.host == host
    assert mistake(None, (), {"SLUICE_HTTP__HOST": f"'{host}'"}).startswith("environment variable SLUICE_HTTP__HOST: ")
