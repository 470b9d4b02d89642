"""What the engine's processes write while they start: held back, unless it turns out to be needed."""

import os
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Self

from sluice.stderr import Unfailing

CAUSE = re.compile(r"(?:^|[\s\]])((?:\w+\.)*\w*(?:Error|Exception): .+)$")
MARK = "sluice: read up to here\n"
SYMPTOMS = ("Engine core initialization failed", "WorkerProc initialization failed")


class ChildLogs:
    """Inside `with`, what this process says goes through a pipe, which the processes started there inherit for life.

    So they can always say something, be it that nobody reads this process' own stderr any more. Lines are kept until
    `forward`. Nothing else tells why a model could not be loaded: vLLM's error in this process only says "see above".
    They are passed on after it, or at once if this process has something to say of its own, as it has while it serves
    (`at_once`). `pipe`: its inode, by which the processes that have it are known. `heard` gets each line first, on
    another thread, and says whether it was for nobody else.
    """

    def __init__(self, at_once: bool = False, heard: Callable[[str], bool] = lambda line: False) -> None:
        self.heard = heard
        self.kept: deque[str] = deque(maxlen=2000)
        self.keeping, self.forwarding = True, at_once
        self.lock = threading.Lock()
        self.caught_up = threading.Event()

    def __enter__(self) -> Self:
        self.stdout, self.stderr = os.dup(1), os.dup(2)
        reading, writing = os.pipe()
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        os.close(writing)
        self.pipe = os.fstat(reading).st_ino
        self.thread = threading.Thread(target=self.pump, args=(reading,), name="child-logs", daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self.stdout, 1)
        os.dup2(self.stderr, 2)
        os.close(self.stdout)

    def pump(self, reading: int) -> None:
        stderr = Unfailing(self.stderr)
        with os.fdopen(reading, errors="replace") as lines:
            for line in lines:
                if line == MARK:
                    self.caught_up.set()
                    continue
                if self.heard(line):
                    continue
                with self.lock:
                    if self.forwarding:
                        stderr.write(line.encode())
                    if self.keeping:
                        self.kept.append(line)
        os.close(self.stderr)

    def forward(self) -> None:
        """From now on, pass every line on. What was kept is dropped: the start went well."""
        with self.lock:
            self.keeping, self.forwarding = False, True
            self.kept.clear()

    def cause(self) -> str | None:
        """The first error that a process named, other than that another process had one. Ask inside `with`."""
        self.caught_up.clear()
        os.write(2, b"\n" + MARK.encode())  # behind all that was written so far, perhaps in the middle of a line
        self.caught_up.wait(timeout=1)
        with self.lock:
            lines = list(self.kept)
        for line in lines:
            found = CAUSE.search(line.strip())
            if found and not any(symptom in line for symptom in SYMPTOMS):
                return found[1]
        return None
