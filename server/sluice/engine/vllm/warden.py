"""The engine's processes end with this one, whatever ends it: the kernel's out-of-memory killer asks nobody.

vLLM's would stay, with all their memory. It is a shell that watches, because it is small, and because who kills all
that is called Python, or Sluice, leaves it alone.
"""

import subprocess
from multiprocessing.util import register_after_fork

SCRIPT = r"""
trap '' HUP INT TERM
read -r _  # ends when the process has ended that holds the other end
for _ in $(seq 100); do  # what is being started may start another one
    left=
    for pid in $(ls -l /proc/[0-9]*/fd/2 | sed -n "s|.* /proc/\([0-9]*\)/fd/2 -> pipe:.$1.\$|\1|p"); do
        # multiprocessing's tracker ends by itself, when it has removed what they share
        grep -q resource_tracker /proc/$pid/cmdline || { kill -KILL $pid && left=yes; }
    done
    [ $left ] || break
    sleep 0.1
done
rm -rf -- "$2"
"""


class Warden:
    """Kills every process whose stderr is this pipe, once this process has ended, and removes their `sockets`.

    `pipe`: its inode.
    """

    def __init__(self, pipe: int, sockets: str) -> None:
        nowhere = subprocess.DEVNULL
        self.process = subprocess.Popen(
            ["sh", "-c", SCRIPT, "warden", str(pipe), sockets], stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere,
            start_new_session=True,
        )  # fmt: skip
        register_after_fork(self, Warden.forget)

    @property
    def pid(self) -> int:
        return self.process.pid

    def forget(self) -> None:
        """A child that was forked, and not spawned, holds our end of the warden's pipe, too."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def dismiss(self) -> None:
        """There is nothing left to watch over."""
        self.process.kill()
        self.process.wait()
        self.forget()
