"""The heap of a process that stays: out of the garbage collector's sight, and on huge pages.

A process that imports vLLM has hundreds of megabytes of objects. Between two steps of the engine the processor forgets
where they are; with pages of 2 MiB in the place of 4 KiB it has far fewer to look up.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

HUGE = 2 * 1024 * 1024
MADV_COLLAPSE = 25  # Linux 6.1; Python has no name for it


def freeze() -> None:
    """Keep the garbage collector from all that there is; what comes later is small, and dies young.

    What was frozen before and has died since, such as an engine, is let go of first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def collapse() -> None:
    """Ask the kernel to put the heap on huge pages. It is advice: where it cannot be taken, nothing changes.

    Blocks, without the interpreter's lock, while the kernel copies.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in anonymous():
        for page in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
            madvise(page, HUGE, MADV_COLLAPSE)


def anonymous() -> Iterator[tuple[int, int]]:
    """First address and end of each of this process's private writable mappings that no file is behind."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions, _, _, inode, *name = line.split()
        if permissions == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            start, end = addresses.split("-")
            yield int(start, 16), int(end, 16)
