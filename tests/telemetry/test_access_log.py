"""The access log's lines reach whoever reads them; and whoever does not, or cannot, is nobody else's trouble."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sluice.engine.vllm.child_logs import ChildLogs
from sluice.telemetry.access_log import LAST_LINES_WAIT_S, MOST_LINES, AccessLog


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as reading:
        return reading.read()


def test_what_is_written_is_there_in_the_end(pipe: tuple[int, int]) -> None:
    log = AccessLog(pipe[1])
    for number in range(40):
        log.write(b"%d\n" % number)
    log.stop()
    log.write(b"again\n")
    log.stop()
    os.close(pipe[1])
    assert read_all(pipe[0]).split() == [b"%d" % number for number in range(40)] + [b"again"]
    assert log.dropped == 0


def test_who_does_not_read_holds_nobody_and_costs_lines_only(pipe: tuple[int, int]) -> None:
    log = AccessLog(pipe[1])
    began_at = time.thread_time()
    for _ in range(3 * MOST_LINES):
        log.write(b"x" * 99 + b"\n")
    assert time.thread_time() - began_at < 1
    assert 1.8 * MOST_LINES < log.dropped <= 2 * MOST_LINES
    assert log.lines.qsize() <= MOST_LINES
    thread, began_at = log.thread, time.monotonic()
    log.stop()
    assert time.monotonic() - began_at < LAST_LINES_WAIT_S + 1
    assert thread is not None
    os.close(pipe[0])
    thread.join()


def test_a_pipe_that_does_not_block_gets_every_line(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    log = AccessLog(pipe[1])
    for number in range(1000):
        log.write(b"%099d\n" % number)
    received = b""
    while len(received) < 100_000:
        received += os.read(pipe[0], 65536)
    assert received.splitlines() == [b"%099d" % number for number in range(1000)]
    log.stop()
    assert log.dropped == 0


def test_who_has_gone_costs_lines_and_no_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    log = AccessLog(pipe[1])
    for _ in range(10):
        log.write(b"line\n")
    log.stop()
    assert log.dropped == 10


def test_a_line_that_was_torn_is_ended_before_the_next(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a full disk does it: some of the bytes fit, then none, then there is room again."""
    write, answers = os.write, iter([3, OSError(28, "No space left on device"), None])

    def full(descriptor: int, data: memoryview) -> int:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return write(descriptor, data[:answer])

    monkeypatch.setattr(os, "write", full)
    log = AccessLog(pipe[1])
    log.write(b"torn-off\n")
    log.stop()
    log.write(b"whole\n")
    log.stop()
    monkeypatch.undo()
    os.close(pipe[1])
    assert read_all(pipe[0]) == b"tor\nwhole\n"
    assert log.dropped == 1


def test_what_is_written_while_an_engine_starts_is_not_lost(pipe: tuple[int, int]) -> None:
    """This process' stdout is for what the engine says then."""
    before = os.dup(1)
    os.dup2(pipe[1], 1)
    try:
        log = AccessLog(1)
        with ChildLogs():
            log.write(b"one\n")
            log.stop()
    finally:
        os.dup2(before, 1)
        os.close(before)
    os.close(pipe[1])
    assert read_all(pipe[0]) == b"one\n"
