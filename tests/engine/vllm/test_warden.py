"""A process that is killed takes with it what it has started; what survives all the same is found and named."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sluice.engine.vllm.processes import TITLE, left_behind
from tests.process import ROOT

FRONT_END = """
import multiprocessing, subprocess, time
from sluice.engine.vllm.child_logs import ChildLogs
from sluice.engine.vllm.warden import Warden

def engine():
    worker = subprocess.Popen(["sleep", "60"])
    time.sleep(60)

if __name__ == "__main__":
    with ChildLogs() as logs:
        warden = Warden(logs.pipe, SOCKETS)
        for method in ("fork", "spawn"):
            multiprocessing.get_context(method).Process(target=engine).start()
        time.sleep(LOADING)
    time.sleep(60)
"""
FAMILY = 1 + 1 + 2 + 2
"""The warden, multiprocessing's tracker, an engine that was forked and one that was spawned, and a worker of each."""


@pytest.mark.parametrize("loading", [60, 0], ids=["while it loads", "later"])
def test_who_is_killed_takes_its_engine_along(tmp_path: Path, loading: int) -> None:
    script = tmp_path / "front_end.py"
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    (sockets / "one").touch()
    script.write_text(FRONT_END.replace("LOADING", str(loading)).replace("SOCKETS", repr(str(sockets))))
    family = list[psutil.Process]()
    with subprocess.Popen([sys.executable, script], cwd=ROOT, env=os.environ | {"PYTHONPATH": "server"}) as process:
        deadline = time.monotonic() + 20
        while len(family) < FAMILY and time.monotonic() < deadline:
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    alive = psutil.wait_procs(family, timeout=10)[1]
    for left in alive:
        left.kill()
    assert (len(family), alive) == (FAMILY, [])
    assert not sockets.exists()


ENGINE = f"""
import time
open("/proc/self/comm", "w").write("{TITLE}EngineCore")
print("titled", flush=True)
time.sleep(60)
"""
SERVER = f"""
import os, subprocess, sys
reading, writing = os.pipe()
engine = subprocess.Popen([sys.executable, "-c", {ENGINE!r}], stderr=writing)
os.close(writing)
print(engine.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator["subprocess.Popen[str]"]:
    """It has an engine that does not end with it, as vLLM's own servers have."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def test_what_a_server_has_left_is_found(server: "subprocess.Popen[str]") -> None:
    assert server.stdout is not None
    said = sorted(server.stdout.readline().strip() for _ in range(2))
    engine = psutil.Process(int(said[0]))
    assert said[1] == "titled"
    try:
        assert engine not in left_behind(), "its server still runs"
        server.kill()
        server.wait()
        assert engine in left_behind()
    finally:
        engine.kill()
        psutil.wait_procs([engine], timeout=5)
    assert engine not in left_behind()
