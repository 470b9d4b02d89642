"""Every number of the settings, with every value that is none for it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from sluice.errors import SettingsError
from sluice.settings import Settings, Tenant, load
from sluice.settings.section import Section

ABSURD = ["-1", "-.inf", ".inf", ".nan", "1e308", "1e400", "1" + "0" * 40, "0x" + "f" * 40]
ABSURD += ["'10'", "true", "many", "[1]", "{a: 1}"]
NO_WHOLE_NUMBERS = ["1.5", "4.0", "1e3"]
TENANT = {"name": "a", "keys": ["env:A"]}


def numbers(section: type[Section], above: tuple[str, ...] = ()) -> Iterator[tuple[str, type]]:
    for name, field in section.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from numbers(field.annotation, (*above, name))
        elif kinds & {int, float}:
            yield ".".join((*above, name)), float if float in kinds else int


ALL = dict(numbers(Settings)) | {f"tenants.0.{name}": kind for name, kind in numbers(Tenant)}


def told(folder: Path, key: str, value: str) -> str:
    """The one line about a file with this value at the key, which stands in the last line."""
    *above, name = key.split(".")
    path = folder / "sluice.yaml"
    before = "http:\n" if above == ["http"] else f"{above[0]}:\n"
    if above[0] == "tenants":
        before = yaml.safe_dump({"tenants": [TENANT]})
    path.write_text(f"{before}  {name}: {value}\n")
    with pytest.raises(SettingsError) as error:
        load(path, (), {})
    line = str(error.value)
    assert line.startswith(f"{path}:{before.count(chr(10)) + 1}: {key}: "), line
    return line


def test_there_are_numbers() -> None:
    assert {"traffic.concurrency", "traffic.timeout", "http.port", "tenants.0.weight"} < set(ALL)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("key", ALL)
def test_an_absurd_value_names_its_line_and_key(tmp_path: Path, key: str, value: str) -> None:
    assert len(told(tmp_path, key, value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("key", [key for key, kind in ALL.items() if kind is int])
def test_a_count_is_a_whole_number(tmp_path: Path, key: str, value: str) -> None:
    assert re.search(r"a valid integer; (1|4|1000) would work$", told(tmp_path, key, value))


@pytest.mark.parametrize("key", [key for key, kind in ALL.items() if kind is float])
@pytest.mark.parametrize("value", ["3", "3.5", "1e3", "1.5e+2"])
def test_seconds_are_numbers_of_either_kind(tmp_path: Path, key: str, value: str) -> None:
    *above, name = key.split(".")
    path = tmp_path / "sluice.yaml"
    here: Any = "tenants:\n- {name: a, keys: [env:A], " if above[0] == "tenants" else f"{above[0]}: {{"
    path.write_text(f"{here}{name}: {value}}}\n")
    settings: Any = load(path, (), {})
    found = settings.tenants[0] if above[0] == "tenants" else getattr(settings, above[0])
    assert getattr(found, name) == float(value)
