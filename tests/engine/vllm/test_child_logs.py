"""What other processes write to stderr: kept while the engine starts, the first cause found, passed on after it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sluice.engine.vllm.child_logs import ChildLogs

FAILED_START = r"""
INFO loading
(Worker pid=7) ERROR 11-22 14:48:36 [worker.py:1] Traceback (most recent call last):
(Worker pid=7) ERROR 11-22 14:48:36 [worker.py:1]   raise RuntimeError("hidden")
(Worker pid=7) ERROR 11-22 14:48:36 [worker.py:1] safetensors.SafetensorError: incomplete metadata
(EngineCore pid=6) ERROR [core.py:2] Exception: WorkerProc initialization failed due to an exception in a process.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


@contextmanager
def stderr_as_a_pipe() -> Iterator[int]:
    """This process' stderr, to read from; whatever it was before comes back in the end."""
    before = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield reading
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(reading)


def child(code: str) -> None:
    """A process that inherits stderr, as the engine's do, and writes to it."""
    subprocess.run([sys.executable, "-c", f"import sys\n{code}"], check=True)


def test_the_first_cause_is_found_among_what_it_caused() -> None:
    with stderr_as_a_pipe() as stderr:
        with ChildLogs() as logs:
            child(f"sys.stderr.write({FAILED_START!r})")
            assert logs.cause() == "safetensors.SafetensorError: incomplete metadata"
        os.write(2, b"mine again")
        assert os.read(stderr, 1000) == b"mine again"


@pytest.mark.parametrize("said", ["", "all is well", "ERROR: no colon-separated class here", "half a line: Err"])
def test_without_an_error_there_is_no_cause(said: str) -> None:
    with ChildLogs() as logs:
        child(f"sys.stderr.write({said!r})")
        assert logs.cause() is None


def test_the_cause_is_known_as_soon_as_the_process_has_ended() -> None:
    """Its last line is the last of many, and may lack its end."""
    with ChildLogs() as logs:
        child("sys.stderr.write('INFO x\\n' * 1500 + 'ValueError: this one')")
        assert logs.cause() == "ValueError: this one"


def test_lines_are_passed_on_after_the_start() -> None:
    with stderr_as_a_pipe() as stderr:
        with ChildLogs() as logs:
            code = "import sys; sys.stderr.write('early\\n'); print(flush=True); input(); sys.stderr.write('laté\\n')"
            with subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                process.stdout.readline()
                assert logs.cause() is None
                logs.forward()
                process.communicate(b"\n")
        assert os.read(stderr, 1000).decode() == "laté\n"


def test_nothing_stays_open() -> None:
    def descriptors() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(3):
        with ChildLogs() as logs:
            child("sys.stderr.write('a line\\n')")
        logs.thread.join(5)
    assert descriptors() - before == set()
