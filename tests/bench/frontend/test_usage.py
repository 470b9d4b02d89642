"""Whose CPU time is whose, in a tree of processes made here."""

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from sluice.bench.frontend.usage import Usage, memory

BUSY = "while :; do :; done"
QUIET = "sleep 60"
TREE = """
import subprocess, sys
engine = subprocess.Popen(["VLLM::EngineCore", "-c", "sh -c '%s' & wait"], executable="/bin/sh")
helper = subprocess.Popen(["sh", "-c", "%s"])
engine.wait()
"""


@pytest.fixture
def pid(request: pytest.FixtureRequest) -> Iterator[int]:
    """A front end with a helper, and an engine, with a title of its own, that started another process without one."""
    process = subprocess.Popen([sys.executable, "-c", TREE % request.param])
    while len(psutil.Process(process.pid).children(recursive=True)) < 3:
        time.sleep(0.05)
    yield process.pid
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


def took(pid: int, side: str) -> Usage:
    """From now until a side has taken so much that it cannot be chance."""
    before = Usage.of(pid)
    while getattr(used := Usage.of(pid).since(before), side) < 0.3:
        time.sleep(0.1)
    return used


@pytest.mark.parametrize("pid", [(BUSY, QUIET)], indirect=True)
def test_what_the_engine_starts_is_the_engines(pid: int) -> None:
    assert took(pid, "engine").front_end < 0.1


@pytest.mark.parametrize("pid", [(QUIET, BUSY)], indirect=True)
def test_all_else_is_the_front_ends(pid: int) -> None:
    assert took(pid, "front_end").engine < 0.1


@pytest.mark.parametrize("pid", [(QUIET, QUIET)], indirect=True)
def test_memory_is_that_of_the_front_end(pid: int) -> None:
    root = psutil.Process(pid)
    everything = sum(process.memory_info().rss for process in [root, *root.children(recursive=True)])
    private = root.memory_full_info().uss
    assert private <= memory(pid) < everything
