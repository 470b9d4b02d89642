"""The NVIDIA GPUs of this machine and its memory, asked without loading CUDA or vLLM into this process."""

import csv
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ASKED = ("name", "memory.total", "memory.free", "driver_version", "uuid")
ANSWER_WAIT_S = 20
MIB = 1024**2
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes: all that a device has, and what nobody has taken of it."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """One of them, as its driver tells."""

    name: str
    memory: Memory
    driver: str
    uuid: str


def gpus() -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves to this process; none where there is no driver that answers."""
    told = nvidia_smi(f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader,nounits")
    found = [gpu for row in csv.reader(told.splitlines(), skipinitialspace=True) if (gpu := read(row))]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    return [
        gpu
        for name in map(str.strip, visible.split(","))
        for index, gpu in enumerate(found)
        if name == str(index) or (name and gpu.uuid.startswith(name))
    ]


def read(row: Sequence[str]) -> Gpu | None:
    """A line of what nvidia-smi tells; None for one that is no GPU's. Memory that a GPU shares with the host is his."""
    if len(row) != len(ASKED):
        return None
    name, total, free, driver, uuid = row
    memory = Memory(int(total) * MIB, int(free) * MIB) if total.isdecimal() and free.isdecimal() else host_memory()
    return Gpu(name, memory, driver, uuid)


def newest_cuda() -> tuple[int, int] | None:
    """The newest CUDA that the driver knows; None where there is no driver that answers."""
    found = re.search(r"CUDA(?: UMD)? Version\s*:\s*(\d+)\.(\d+)", nvidia_smi())
    return (int(found[1]), int(found[2])) if found else None


def nvidia_smi(*arguments: str) -> str:
    try:
        told = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, timeout=ANSWER_WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout if told.returncode == 0 else ""


def host_memory(cgroup: Path = CGROUP) -> Memory:
    """This machine's, or the container's where that may have less. `cgroup`: the folder that tells of the limit."""
    machine = psutil.virtual_memory()
    try:
        most, taken = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # `max`: there is no limit
        return Memory(machine.total, machine.available)
    return Memory(min(machine.total, most), max(0, min(machine.available, most - taken)))
