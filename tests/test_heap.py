"""The heap on huge pages, asked of the kernel in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from sluice.heap import collapse

def huge():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))

heap = [bytes([1]) * 100_000 for _ in range(200)]
before = huge()
collapse()
print(before, huge(), all(each == bytes([1]) * 100_000 for each in heap))
"""
RELEASE = tuple(int(part) for part in platform.release().split(".")[:2]) if sys.platform == "linux" else (0, 0)


@pytest.mark.skipif(RELEASE < (6, 1), reason="needs Linux 6.1")
def test_the_heap_moves_to_huge_pages_and_keeps_what_it_holds() -> None:
    program = [sys.executable, "-c", PROGRAM]
    plain = dict[str, str]()  # an environment may ask for huge pages from the start
    told = subprocess.run(program, capture_output=True, text=True, check=True, cwd=os.getcwd(), env=plain)
    before, after, is_whole = told.stdout.split()
    assert int(after) >= int(before) + 8 * 1024, "KiB"
    assert is_whole == "True"
