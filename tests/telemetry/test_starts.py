"""How long the last start took is known to the next one, if there is a place to keep it."""

from pathlib import Path

import pytest

from sluice.telemetry.starts import MOST_STARTS, Start, Starts, cache_folder, key_of

START = Start(41.5, [0.0, 3.2, 9.9])


def test_it_is_kept_for_its_key(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    Starts(folder, "a").keep(START)
    assert Starts(folder, "a").last() == START
    assert Starts(folder, "b").last() is None
    assert [path.name for path in folder.iterdir()] == ["starts.json"]


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    for number in range(MOST_STARTS + 3):
        Starts(tmp_path, str(number)).keep(START)
        Starts(tmp_path, "always").keep(START)
    assert len(Starts(tmp_path, "").read()) == MOST_STARTS
    assert Starts(tmp_path, "0").last() is None
    assert Starts(tmp_path, "always").last() == START


@pytest.mark.parametrize("broken", [b"", b"{", b'{"a": 1}', b"\xff"])
def test_a_file_that_is_none_is_as_if_it_were_not_there(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "starts.json").write_bytes(broken)
    starts = Starts(tmp_path, "a")
    assert starts.last() is None
    starts.keep(START)
    assert starts.last() == START


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    starts = Starts(tmp_path / "file", "a")
    starts.keep(START)
    assert starts.last() is None
    (tmp_path / "folder" / "starts.json").mkdir(parents=True)
    Starts(tmp_path / "folder", "a").keep(START)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["starts.json"]


def test_the_folder_is_the_users_cache() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/sluice")
    for environ in ({}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}):
        assert cache_folder(environ) == Path.home() / ".cache" / "sluice"


def test_other_settings_are_another_key() -> None:
    assert key_of("demo", 1) == key_of("demo", 1) != key_of("demo", 2)
