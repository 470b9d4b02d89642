"""From a key to its account; a mistake in the keys changes nothing."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.admission.keys import new_key
from sluice.admission.tenants import Tenants
from sluice.errors import Forbidden, SettingsError, Unauthorized
from sluice.settings import Tenant
from tests.admission.clock import Clock


def sha(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def tenant(name: str, *keys: str, **settings: Any) -> Tenant:
    return Tenant(name=name, keys=list(keys), **settings)


def test_without_tenants_everyone_is_anonymous() -> None:
    tenants = Tenants([], {})
    account = tenants.identify(None)
    assert tenants.identify("sk-anything") is account
    assert (account.name, account.settings.weight) == ("anonymous", 1)
    assert account.settings.classes == ["interactive", "batch"]
    for _ in range(100):
        account.check_request()


def test_each_kind_of_key_leads_to_its_tenant(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  sk-file \nsk-second line\n")
    tenants = Tenants(
        [
            tenant("a", sha("sk-hash"), "env:A_KEY"),
            tenant("b", f"file:{file}", sha("sk-upper").upper().replace("SHA", "sha")),
        ],
        {"A_KEY": "sk-env\n"},
    )
    keys = {"sk-hash": "a", "sk-env": "a", "sk-file": "b", "sk-upper": "b"}
    assert {key: tenants.identify(key).name for key in keys} == keys
    assert tenants.identify("sk-hash") is tenants.identify("sk-env")
    for wrong in ("", "sk-second line", "sk-has", "sk-hash ", "SK-HASH", "anonymous", "env:A_KEY", sha("sk-hash"), "é"):
        with pytest.raises(Unauthorized) as refusal:
            tenants.identify(wrong)
        assert refusal.value.code == "invalid_api_key"
        assert not wrong or wrong not in refusal.value.message
    with pytest.raises(Unauthorized, match="No API key") as refusal:
        tenants.identify(None)
    assert refusal.value.code == "invalid_api_key"


@given(st.text().filter(lambda key: key != "sk-right"))
def test_no_other_key_is_taken_for_it(key: str) -> None:
    tenants = Tenants([tenant("a", sha("sk-right"))], {})
    with pytest.raises(Unauthorized):
        tenants.identify(key)


def test_no_key_is_kept() -> None:
    key = new_key()
    tenants = Tenants([tenant("a", "env:A_KEY")], {"A_KEY": key})
    assert tenants.identify(key).name == "a"
    assert key not in repr([vars(tenants), *map(vars, tenants.accounts.values())])
    assert len(key) == 46
    assert key != new_key()


def mistakes(folder: Path) -> dict[str, tuple[list[Tenant], str]]:
    (folder / "empty").write_text("\nsk-x\n")
    (folder / "known").write_text("sk-known\n")
    return {
        "unset": ([tenant("a", sha("x")), tenant("b", sha("y"), "env:NO")], "tenants.1.keys.1: tenant b: "
            "environment variable NO is not set"),
        "blank": ([tenant("a", "env:BLANK")], "tenants.0.keys.0: tenant a: environment variable BLANK holds no key"),
        "no file": ([tenant("a", f"file:{folder}/no")], f"tenants.0.keys.0: tenant a: {folder}/no: No such file"),
        "folder": ([tenant("a", f"file:{folder}")], f"tenants.0.keys.0: tenant a: {folder}: Is a directory"),
        "empty file": ([tenant("a", f"file:{folder}/empty")], f"tenants.0.keys.0: tenant a: {folder}/empty holds no"),
        "twice": ([tenant("a", "env:KNOWN"), tenant("b", f"file:{folder}/known")], "tenants.1.keys.0: tenant b: "
            "the same key as one of tenant a"),
    }  # fmt: skip


ENVIRON = {"BLANK": " \n", "KNOWN": "sk-known"}
KINDS = ["unset", "blank", "no file", "folder", "empty file", "twice"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_names_tenant_and_key_and_changes_nothing(tmp_path: Path, kind: str) -> None:
    wrong, start = mistakes(tmp_path)[kind]
    with pytest.raises(SettingsError) as error:
        Tenants(wrong, ENVIRON)
    assert str(error.value).startswith(start)
    assert "sk-" not in str(error.value)

    tenants = Tenants([tenant("a", sha("sk-old"), requests_per_minute=5)], {})
    account = tenants.identify("sk-old")
    with pytest.raises(SettingsError):
        tenants.update(wrong, ENVIRON)
    assert tenants.identify("sk-old") is account
    assert tenants.accounts == {"a": account}
    assert account.settings.requests_per_minute == 5


def test_other_settings_take_hold_and_accounts_stay() -> None:
    tenants = Tenants([tenant("a", sha("a1"), requests_per_minute=5), tenant("b", sha("b1"))], {}, Clock())
    account = tenants.identify("a1")
    account.seats.take(1)
    account.take_request()
    tenants.update([tenant("c", sha("b1")), tenant("a", sha("a2"), requests_per_minute=10, weight=3)], {})
    assert tenants.identify("a2") is account
    assert account.settings.weight == 3
    assert account.headers()["x-ratelimit-remaining-requests"] == "4"
    assert account.seats.taken == 1
    assert tenants.identify("b1").name == "c"
    with pytest.raises(Unauthorized):
        tenants.identify("a1")
    tenants.update([], {})
    assert tenants.identify("a2").name == "anonymous"
    tenants.update([tenant("a", sha("a2"))], {})
    with pytest.raises(Unauthorized):
        tenants.identify(None)


def test_an_operators_key_is_no_tenants() -> None:
    tenants = Tenants([tenant("a", sha("sk-a"))], {"KEY": "sk-o"}, operators=["env:KEY", sha("sk-p")])
    for key in ("sk-o", "sk-p"):
        tenants.require_operator(key)
        with pytest.raises(Unauthorized, match="an operator's"):
            tenants.identify(key)
    with pytest.raises(Forbidden, match="a tenant's"):
        tenants.require_operator("sk-a")
    for stranger in (None, "", "sk-", "env:KEY"):
        with pytest.raises(Unauthorized) as refusal:
            tenants.require_operator(stranger)
        assert "--operator" not in refusal.value.message
    tenants.update([tenant("a", sha("sk-a"))], {})
    with pytest.raises(Unauthorized, match="`sluice keys new --operator`"):
        tenants.require_operator("sk-o")


def test_everyone_is_an_operator_where_there_are_no_keys_at_all() -> None:
    tenants = Tenants([], {})
    tenants.require_operator(None)
    tenants.require_operator("sk-anything")
    tenants.update([], {}, [sha("sk-o")])
    assert tenants.identify(None).name == tenants.identify("sk-o").name == "anonymous"
    with pytest.raises(Unauthorized):
        tenants.require_operator("sk-anything")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("env:NO", "operators.keys.1: operators: environment variable NO is not set"),
        ("env:KNOWN", "operators.keys.1: operators: the same key as one of tenant a"),
    ],
)
def test_a_mistake_in_the_operators_keys_is_named_and_changes_nothing(source: str, says: str) -> None:
    both = [tenant("a", sha("sk-known"))]
    with pytest.raises(SettingsError, match=f"^{says}$"):
        Tenants(both, ENVIRON, operators=[sha("sk-o"), source])
    tenants = Tenants([tenant("b", sha("sk-b"))], ENVIRON, operators=[sha("sk-old")])
    with pytest.raises(SettingsError):
        tenants.update(both, ENVIRON, [sha("sk-o"), source])
    assert tenants.identify("sk-b").name == "b"
    tenants.require_operator("sk-old")
