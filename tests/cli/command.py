"""`sluice` as a user runs it: with pipes, or on a terminal."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.process import ROOT


async def sluice(*arguments: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> tuple[int | None, str, str]:
    """`python -m sluice ARGUMENTS`: its exit code, stdout and stderr."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluice", *arguments, cwd=cwd, stdout=pipe, stderr=pipe, env=os.environ | (env or {})
    )
    out, err = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode, out.decode(), err.decode()


@contextmanager
def terminal(*arguments: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> Iterator[pexpect.spawn]:
    """The same with a terminal of 120 columns for all three; killed in the end if it still runs."""
    process = pexpect.spawn(
        sys.executable, ["-m", "sluice", *arguments], cwd=str(cwd), timeout=60, encoding="utf-8", dimensions=(50, 120),
        env={**os.environ, "TERM": "xterm", **(env or {})}, preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.close(force=True)


def exit_status(process: pexpect.spawn) -> int | None:
    """Once it has ended by itself. Raises pexpect.TIMEOUT if it does not."""
    process.expect(pexpect.EOF)
    process.wait()
    status: int | None = process.exitstatus
    return status


def hear_ctrl_c() -> None:
    """As what a shell starts on a terminal does; what it starts in the background, such as these tests, may not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
