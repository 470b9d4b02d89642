"""Settings files that somebody has made to do harm: one line, at once, and nothing that grows."""

import time
from pathlib import Path

import pytest

from sluice.errors import SettingsError
from sluice.settings import Settings, load
from sluice.settings.document import MAX_DEPTH, MAX_NODES
from sluice.settings.file import MAX_BYTES

TENANT = "tenants:\n- &a\n  name: a\n  keys: [env:A]\n  weight: 2\n"


def grown(first: str, step: str) -> str:
    """Nine times as much with each line, in a few hundred bytes."""
    lines = [f"a: &a {first}"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} {step.format(','.join([f'*{old}'] * 9))}")
    return "\n".join(lines)


TOO_MUCH = f"more than {MAX_NODES:,} values or {MAX_DEPTH} levels are no settings"
HOSTILE = {
    "aliases of aliases": (grown("[x]", "[{}]"), 6, TOO_MUCH),
    "aliases in keys": (grown("{? [x] : x}", "{{? [{}] : x}}"), 6, TOO_MUCH),
    "merges of merges": (grown("{k: 1, l: 1}", "{{<<: [{}]}}"), 6, TOO_MUCH),
    "an alias in itself": ("a: &a [*a]", 1, "an alias stands inside of what it repeats"),
    "all in itself": ("&a {a: *a}", 1, "an alias stands inside of what it repeats"),
    "no such alias": ("a: *b", 1, "found undefined alias 'b'"),
    "deep lists": ("a: " + "[" * 500_000, 1, TOO_MUCH),
    "deep mappings": ("{a: " * 200_000, 1, TOO_MUCH),
    "deep indentation": ("".join(f"{' ' * depth}a:\n" for depth in range(1000)), MAX_DEPTH, TOO_MUCH),
    "many items": ("a: [" + "1," * 200_000 + "]", 1, TOO_MUCH),
    "many keys": ("".join(f"k{number}: 1\n" for number in range(80_000)), MAX_NODES // 2, TOO_MUCH),
    "a million digits": ("traffic:\n  timeout: " + "1" * 1_000_000, 2, "a number of more than 64 digits"),
    "a million hex digits": ("traffic:\n  timeout: 0x" + "f" * 1_000_000, 2, "a number of more than 64 digits"),
    "a number to the base of 60": ("traffic:\n  timeout: 1" + ":59" * 300_000, 2, "a number of more than 64 digits"),
    "a long fraction": ("traffic:\n  timeout: 0." + "1" * 1_000_000, 2, "a number of more than 64 digits"),
    "no date": ("model: 2026-99-99", 1, "what stands here is no timestamp"),
    "no bool": ("model: !!bool maybe", 1, "what stands here is no bool"),
    "no int": ("model: !!int ''", 1, "what stands here is no int"),
    "no float": ("model: !!float x", 1, "what stands here is no float"),
    "a python object": ("model: !!python/object/apply:os.system [x]", 1, "could not determine a constructor"),
    "a long tag": (f"model: !{'x' * 100_000} 1", 1, "could not determine a constructor"),
    "a long key": (f"? {'x' * 100_000}\n: 1", 1, "xxx"),
    "a long key, twice": (f"? {'x' * 9000}\n: 1\n? {'x' * 9000}\n: 1", 3, "xxx"),
    "a key that is a list": ("? [a]\n: 1", 1, "found unhashable key"),
    "a key that is a number": ("1: x", 1, "1: keys should be strings"),
    "<< twice": ("traffic: {<<: {timeout: 1}, <<: {timeout: 2}}", 1, "traffic.<< is set twice"),
    "a key twice in a merge": ("traffic:\n  <<:\n    timeout: 1\n    timeout: 2\n", 4, "traffic.timeout is set twice"),
    "two documents": ("model: a\n---\nmodel: b\n", 2, "but found another document"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_one_short_line_at_once(tmp_path: Path, name: str) -> None:
    text, number, message = HOSTILE[name]
    path = tmp_path / "sluice.yaml"
    path.write_text(text)
    before = time.process_time()
    with pytest.raises(SettingsError) as error:
        load(path, (), {})
    assert time.process_time() - before < 4
    line = str(error.value)
    assert line.startswith(f"{path}:{number}: {message}")
    assert "\n" not in line
    assert len(line) < len(str(path)) + 300


def test_a_file_that_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^/dev/zero: longer than 1,048,576 bytes"):
        load(Path("/dev/zero"), (), {})
    path = tmp_path / "sluice.yaml"
    path.write_text("#" * MAX_BYTES)
    assert load(path, (), {}) == Settings()
    path.write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match="longer than"):
        load(path, (), {})


def test_aliases_and_merges_are_for_what_several_share(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(f"{TENANT}- <<: *a\n  name: b\n  keys: [env:B]\n")
    first, second = load(path, (), {}).tenants
    assert (first.weight, second.weight, second.keys) == (2, 2, ["env:B"])


def test_a_mistake_that_was_merged_in_stands_where_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(f"{TENANT}  wieght: 2\n- <<: *a\n  name: b\n  keys: [env:B]\n")
    with pytest.raises(SettingsError, match=rf"^{path}:6: tenants.0.wieght: there is no such setting"):
        load(path, (), {})
    path.write_text(f"{TENANT}- <<: [*a]\n  name: b\n")
    with pytest.raises(SettingsError, match=rf"^{path}:4: tenants.1.keys.0: the same key as tenants.0.keys.0"):
        load(path, (), {})


def test_a_file_of_thousands_of_tenants_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text(
        "tenants:\n" + "".join(f"- {{name: t{i}, keys: ['sha256:{i:064x}'], weight: 2}}\n" for i in range(4000))
    )
    assert len(load(path, (), {}).tenants) == 4000
