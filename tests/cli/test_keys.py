"""`sluice keys new`: stdout is the key alone, and what stderr says to paste lets it in."""

import json
import re
from pathlib import Path

import pytest
import yaml

from sluice.admission.tenants import Tenants
from sluice.errors import Unauthorized
from sluice.settings import load
from tests.cli.command import sluice


@pytest.mark.parametrize("name", ["team-a", "1.0"])
async def test_the_printed_tenant_is_known_by_the_key(tmp_path: Path, name: str) -> None:
    code, out, err = await sluice("keys", "new", "--tenant", name)
    assert code == 0
    assert re.fullmatch(r"sk-[\w-]{43}\n", out)
    key = out.strip()
    assert key not in err

    file = tmp_path / "sluice.yaml"
    file.write_text("http: {host: 0.0.0.0}\ntenants:\n" + "".join(re.findall(r"^  .*\n", err, re.M)))
    tenants = Tenants(load(file, (), {}).tenants, {})
    assert tenants.identify(key).name == name
    with pytest.raises(Unauthorized):
        tenants.identify(key[:-1])


async def test_without_a_name_there_is_one_line_to_paste() -> None:
    code, out, err = await sluice("keys", "new")
    (line,) = re.findall(r"^  .*\n", err, re.M)
    settings = yaml.safe_load(f"tenants:\n- name: a\n  keys:\n{line}")["tenants"]
    assert code == 0
    assert Tenants(load(None, [f"tenants={settings}"], {}).tenants, {}).identify(out.strip()).name == "a"


async def test_json_has_the_key_and_the_lines() -> None:
    code, out, err = await sluice("keys", "new", "--tenant", "a", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert Tenants(load(None, [f"tenants={told['settings']}"], {}).tenants, {}).identify(told["key"]).name == "a"


async def test_a_name_that_cannot_be_is_exit_2_and_no_key() -> None:
    for name in ("a b", "anonymous"):
        code, out, err = await sluice("keys", "new", "--tenant", name)
        assert (code, out) == (2, "")
        assert err.startswith(f"sluice: --tenant {name}: ")
        assert err.count("\n") == 1


async def test_the_printed_operator_is_known_by_the_key(tmp_path: Path) -> None:
    code, out, err = await sluice("keys", "new", "--operator")
    assert code == 0
    assert out.strip() not in err
    file = tmp_path / "sluice.yaml"
    file.write_text("operators:\n" + "".join(re.findall(r"^  .*\n", err, re.M)))
    operators = Tenants([], {}, operators=load(file, (), {}).operators.keys)
    operators.require_operator(out.strip())
    with pytest.raises(Unauthorized):
        operators.require_operator(None)


async def test_a_key_for_both_is_exit_2_and_no_key() -> None:
    code, out, err = await sluice("keys", "new", "--operator", "--tenant", "a")
    assert (code, out) == (2, "")
    assert err == "sluice: --operator --tenant: a key is an operator's or a tenant's, never both\n"
