"""A server's processes: started, watched, and ended whatever happens."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from sluice.bench.frontend.contenders import Contender
from sluice.errors import BenchFailed


class Process:
    """Up while its `with` block runs; then it gets `ending` seconds to end by itself. What it says goes to `log`."""

    def __init__(self, contender: Contender, log: Path, ending: float = 20.0) -> None:
        self.contender, self.log, self.ending = contender, log, ending

    def __enter__(self) -> Self:
        name, binary = self.contender.name, self.contender.binary
        if binary and not binary.is_file():
            raise BenchFailed(f"{name} cannot be started: there is no file {binary}")
        try:
            with self.log.open("wb") as log:
                # A group of its own: Ctrl-C is for the bench, which ends the servers. Not a session of its own, though.
                self.popen = subprocess.Popen(
                    self.contender.command, env=os.environ | self.contender.environ, process_group=0,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        except OSError as error:
            raise BenchFailed(f"{name} cannot be started: {error.strerror}: {error.filename}") from None
        return self

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self) -> None:
        """Raises BenchFailed, with its last error, or else its last line, if it has ended."""
        # It is left unreaped: as long as that, its number, and its group's, are nobody else's.
        if ended := os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            errors = [line for line in lines if re.search(r"(Error|Exception): ", line)]
            last = (errors or lines or ["it said nothing"])[-1]
            code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            raise BenchFailed(f"{self.contender.name} ended with {code}: {last} ({self.log})")

    def __exit__(self, *_: object) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + self.ending
            while any(self.running()) and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:  # also when the waiting is interrupted
            for left in self.running():
                with suppress(psutil.NoSuchProcess):
                    left.kill()
            self.popen.wait()

    def running(self) -> Iterator[psutil.Process]:
        """Those of its group that have not ended, orphans among them."""
        for pid in psutil.pids():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getpgid(pid) == self.pid and (found := psutil.Process(pid)).status() != psutil.STATUS_ZOMBIE:
                    yield found
