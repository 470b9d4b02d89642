"""The program that measures many streams does so, and leaves nothing running."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.process import ROOT


def test_it_prints_a_row_for_each_number_of_streams_and_draws_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.scale", "--streams", "1,8", "--seconds", "1", "--out", str(tmp_path)]
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    titles, *rows, picture = done.stdout.splitlines()
    assert "streams" in titles
    assert [row.split()[0] for row in rows] == ["1", "8"]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
