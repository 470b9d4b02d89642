"""The engine's processes, and the thread that starts them."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import TypeVar

import psutil

T = TypeVar("T")
TITLE = "VLLM::"
"""How the names of vLLM's processes begin."""


def on_a_daemon_thread(work: Callable[[], T]) -> "Future[T]":
    """Unlike an executor's thread, it does not keep the process from ending."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def family() -> list[psutil.Process]:
    """The processes below this one; not multiprocessing's resource tracker, which lives and ends with this one."""
    # Private, as multiprocessing has no other way to tell it from what we started.
    tracker: int | None = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined]
    return [process for process in psutil.Process().children(recursive=True) if process.pid != tracker]


def below(process: psutil.Process) -> list[psutil.Process]:
    """None below one that has ended."""
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def left_behind() -> list[psutil.Process]:
    """The engine's processes of servers that have ended, ours and others.

    Who starts one has its stderr, too: the same, or the other end of the pipe. Who inherits an orphan has not.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name().startswith(TITLE) and output(process.pid, 2) not in outputs(process.ppid()):
                found += [process, *process.children(recursive=True)]
    return found


def outputs(pid: int) -> set[str]:
    """What a process has open; nothing that would be known of somebody else's."""
    with suppress(PermissionError):
        return {output(pid, descriptor) for descriptor in map(int, os.listdir(f"/proc/{pid}/fd"))}
    return set()


def output(pid: int, descriptor: int) -> str:
    return os.readlink(f"/proc/{pid}/fd/{descriptor}")
