"""What a server's processes take, told apart: its front end, and its engine."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

ENGINE = ("EngineCore", "Worker")
"""One of these is in the title of each process of vLLM's engine."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds, user and system, since the processes began."""

    front_end: float
    engine: float

    @classmethod
    def of(cls, pid: int) -> Self:
        front_end, engine = split(psutil.Process(pid))
        return cls(cpu(front_end), cpu(engine))

    def since(self, before: "Usage") -> "Usage":
        return Usage(self.front_end - before.front_end, self.engine - before.engine)


def split(root: psutil.Process) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """The front end's processes, and the engine's with all that they started."""
    front_end: list[psutil.Process] = []
    engine: list[psutil.Process] = []
    tree = [(root, front_end)]
    while tree:
        process, side = tree.pop()
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            title = "".join(process.cmdline()[:1])
            side = engine if any(word in title for word in ENGINE) else side
            side.append(process)
            tree += [(child, side) for child in process.children()]
    return front_end, engine


def cpu(processes: Iterable[psutil.Process]) -> float:
    seconds = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def memory(pid: int) -> int:
    """Bytes of the front end's processes: proportional where the system tells it, else resident."""
    front_end, _ = split(psutil.Process(pid))
    total = 0
    for process in front_end:
        with suppress(psutil.NoSuchProcess):
            total += proportional(process)
    return total


def proportional(process: psutil.Process) -> int:
    try:
        size: int = process.memory_full_info().pss
    except (psutil.AccessDenied, AttributeError):
        size = process.memory_info().rss
    return size
