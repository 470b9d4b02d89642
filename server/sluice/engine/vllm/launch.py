"""Loading vLLM: its arguments, its environment, the thread that it loads on, and the end of its processes.

The import alone takes seconds, so it happens on that thread.
"""

import asyncio
import math
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

import psutil

from sluice.engine.base import Loading
from sluice.engine.devices import Device
from sluice.engine.vllm import adapters, cpu
from sluice.engine.vllm.chatting import check_chats
from sluice.engine.vllm.configuration import configure
from sluice.engine.vllm.hub import check_hub
from sluice.engine.vllm.milestones import CONFIGURING, IMPORTING, STAGES, STARTING_PROCESSES
from sluice.engine.vllm.package import check_companions
from sluice.engine.vllm.processes import below, family, kill, on_a_daemon_thread
from sluice.engine.vllm.warden import Warden
from sluice.errors import EngineFailed
from sluice.settings import Settings

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

SOCKETS = "VLLM_RPC_BASE_PATH"
"""The variable that tells vLLM in which folder its processes' sockets are."""
LONGEST_BASE = 50
"""Characters: with a folder and a name of 36 in it, that is all that the address of a socket may have (107)."""
Told = Callable[[object], AbstractContextManager[None]]
KILL_WAIT_S = 3.0
FAILED = "EngineCore failed to start"
"""What vLLM's core says then, before it says why."""
LAST_WORDS_S = 2.0
"""What it gets to say why, and to end by itself."""
GRACE_S = 0.5
"""What processes that have nothing to do any more get to end by themselves. On a CPU vLLM's take more than 5 s."""


class Launch:
    """One start of vLLM, from its import to the end of its processes. `warning`: what a user should know of it."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self.settings, self.device = settings, device
        self.loading: Future[AsyncLLM] | None = None
        self.stage = 0
        self.stopping = self.has_failed = False
        self.warden: Warden | None = None
        self.warning: str | None = None
        self.others: list[psutil.Process] = []
        self.own: list[psutil.Process] | None = None
        self.sockets: str | None = None

    async def load(self, report: Callable[[Loading], None], pipe: int, told: Told) -> "AsyncLLM":
        """`pipe`: the inode of what this process has for stderr, and so all that are started from here. What tells more
        of itself is started inside `told`.
        """
        loop = asyncio.get_running_loop()

        def enter(stage: int) -> None:
            self.stage = stage
            if self.stopping:
                raise EngineFailed("The engine is being stopped.")
            loop.call_soon_threadsafe(report, Loading(STAGES, stage + 1))

        self.loading = on_a_daemon_thread(lambda: self.load_now(enter, pipe, told))
        llm = await asyncio.wrap_future(self.loading)
        self.loading = None  # who hears the logs knows this launch for ever, and is not to know the engine
        return llm

    def load_now(self, enter: Callable[[int], None], pipe: int, told: Told) -> "AsyncLLM":
        """Blocks for as long as loading takes; runs on a thread of its own."""
        enter(IMPORTING)
        self.others = family()
        base = os.environ.get(SOCKETS, tempfile.gettempdir())
        self.sockets = tempfile.mkdtemp(prefix="sluice-", dir=base if len(base) <= LONGEST_BASE else "/tmp")
        self.warden = Warden(pipe, self.sockets)
        if self.device == "cpu":
            check_companions()
        prepare_environment(self.settings, self.device)
        # Some ASGI servers run the application in a daemonic process, and such a one may have no children.
        if multiprocessing.current_process().daemon:
            multiprocessing.current_process().daemon = False
        # Ctrl-C and the terminal's end go to all of its processes, and systemd's SIGTERM to all of a service, but only
        # this one may act on them, or nothing could be drained. The processes started from here inherit the mask;
        # starting multiprocessing's tracker would lift it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        # Who keeps an error of an import that fails inside keeps the frames above it, and with this one the engine.
        on_a_daemon_thread(import_vllm).result()
        enter(CONFIGURING)
        check_hub(self.settings)
        config = configure(self.settings, arguments(self.settings, self.device))
        self.warning = check_chats(self.settings, config)
        enter(STARTING_PROCESSES)
        from vllm.v1.engine.async_llm import AsyncLLM

        # By default they are in the folder for all that is temporary, and stay there when who has made them is killed.
        with variable(SOCKETS, self.sockets), told(config):
            llm = AsyncLLM.from_vllm_config(config)
        self.own = self.started()
        return llm

    def end(self, llm: "AsyncLLM | None") -> None:
        """Blocks until the engine's processes have ended. What loads fails when its processes are killed under it."""
        processes = self.started()
        if llm is not None:
            killing = threading.Timer(GRACE_S, kill, (processes,))
            killing.start()
            llm.shutdown()  # waits for them
            killing.cancel()
        elif self.loading is not None and self.stage == STARTING_PROCESSES:
            deadline = time.monotonic() + KILL_WAIT_S
            while not self.loading.done() and time.monotonic() < deadline:
                kill(self.started())
                wait([self.loading], timeout=0.1)
        processes += self.started()
        kill(processes)
        psutil.wait_procs(processes, timeout=KILL_WAIT_S)
        if self.warden is not None:
            self.warden.dismiss()
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)
        forget()

    def heard(self, line: str) -> None:
        """What its processes say. One that fails to start waits for its children, which do not hear SIGTERM."""
        if FAILED in line and not self.has_failed:
            self.has_failed = True
            giving_up = threading.Timer(LAST_WORDS_S, self.give_up)
            giving_up.daemon = True
            giving_up.start()

    def give_up(self) -> None:
        """Or the start would never fail."""
        if self.loading is not None and not self.loading.done():
            kill(self.started())

    def started(self) -> list[psutil.Process]:
        """What is its own: another engine of this process may run on, or start."""
        if self.own is None:
            return [process for process in family() if process not in self.others]
        return [each for process in self.own for each in (process, *below(process))]


def import_vllm() -> None:
    """For `load_now`, which then finds it imported."""
    import vllm.v1.engine.async_llm  # noqa: F401


def forget() -> None:
    """vLLM remembers what functions take, and with them the tokenizers of engines that have ended."""
    with suppress(ImportError, AttributeError):  # another version may have another way
        from vllm.utils.func_utils import _supports_kw

        _supports_kw.cache_clear()


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Of the environment, for what is started inside."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def prepare_environment(settings: Settings, device: Device) -> None:
    """Defaults that vLLM reads from its environment; what the user has set stays."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # Forking a process that runs an event loop and threads can leave the child with locks that nobody holds.
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    if device == "cpu":
        cpu.prepare_environment(settings)


def arguments(settings: Settings, device: Device) -> dict[str, Any]:
    """vLLM's engine arguments."""
    engine, concurrency = settings.engine, settings.traffic.concurrency
    max_num_seqs = math.ceil(concurrency / engine.workers) if concurrency else None
    named = {
        "model": settings.model_path,
        "served_model_name": settings.names,
        "dtype": engine.dtype,
        "max_model_len": engine.max_model_len,
        "max_num_seqs": max_num_seqs,
        "tensor_parallel_size": engine.tensor_parallel_size,
        "pipeline_parallel_size": engine.pipeline_parallel_size,
        "data_parallel_size": engine.workers,
    }
    named |= adapters.arguments(settings, device)
    if device == "cpu":
        named |= cpu.arguments(max_num_seqs)
    given = {key: value for key, value in named.items() if value is not None} | engine.extra
    reasoning = settings.parsers[1]
    if reasoning is not None:  # a grammar begins where the reasoning ends, and that may have a budget
        for name in ("structured_outputs_config", "reasoning_config"):
            config: dict[str, Any] = given.get(name, {})
            given[name] = {"reasoning_parser": reasoning} | config
    return given
