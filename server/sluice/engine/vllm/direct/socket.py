"""What vLLM's engine processes send, read from the socket itself.

vLLM reads it with zmq.asyncio, through two tasks, a queue and several futures a message. This takes all that has come
in one callback of the event loop. It is private API of vLLM 0.32: an `AsyncMPClient` that has an `output_queue_task`
leaves the socket to it. `tests/engine` drives it with one worker and with two.
"""

import asyncio
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import zmq
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.engine.core import EngineCoreProc
from vllm.v1.engine.core_client import DPAsyncMPClient, _process_utility_output

from sluice.engine.base import Pace

if TYPE_CHECKING:
    from vllm.v1.engine.core_client import AsyncMPClient

AT_ONCE = 4
"""Messages after which the event loop gets its turn."""
EVENTS, RCVMORE, POLLIN, NOBLOCK = int(zmq.EVENTS), int(zmq.RCVMORE), int(zmq.POLLIN), int(zmq.NOBLOCK)
"""zmq's own are enums, which take several times as long."""
DEAD = [EngineCoreProc.ENGINE_CORE_DEAD]


class OutputSocket:
    """Hands what a step has made to `take`, and tells the pace whether the next one has come already."""

    def __init__(self, core: "AsyncMPClient", take: Callable[[EngineCoreOutputs], None], pace: Pace) -> None:
        self.core, self.take, self.pace = core, take, pace
        self.socket: zmq.Socket[bytes] = zmq.Socket.shadow(core.resources.output_socket.underlying)
        self.balance = getattr(type(core), "process_engine_outputs", None)  # of several workers
        self.unread: list[bytes] | None = None

    async def read(self) -> None:
        """Until it is cancelled. Raises what taking a message raises, and EngineDeadError when it says so."""
        if isinstance(self.core, DPAsyncMPClient):
            self.core._ensure_stats_update_task()  # or the first request would have to wait for it
        accept_read_only_buffers()
        self.loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[None] = self.loop.create_future()
        # When an engine dies, vLLM closes the socket. A client's connection gets its descriptor, which the loop would
        # then forget: so this one is ours.
        descriptor = os.dup(self.socket.FD)
        self.loop.add_reader(descriptor, self.drain)
        self.loop.call_soon(self.drain)  # zmq tells of what comes, not of what is there
        try:
            await self.failed
        finally:
            self.loop.remove_reader(descriptor)
            os.close(descriptor)

    def drain(self) -> None:
        """Take what is there; others get their turn after a few messages."""
        if self.failed.done():
            return
        try:
            frames = self.unread or self.receive()
            for _ in range(AT_ONCE):
                if frames is None:
                    break
                following = self.receive() if self.has_more() else None
                self.pace.is_late = following is not None
                self.open(frames)
                frames = following
            self.unread = frames
        except Exception as error:
            self.failed.set_exception(error)
        else:
            if self.unread is not None:
                self.loop.call_soon(self.drain)

    def has_more(self) -> bool:
        """It costs less than to try in vain."""
        return bool(int(self.socket.get(EVENTS)) & POLLIN)

    def receive(self) -> "list[bytes] | None":
        try:
            frames = [self.socket.recv(NOBLOCK)]
        except zmq.Again:
            return None
        while self.socket.get(RCVMORE):
            frames.append(self.socket.recv(NOBLOCK))
        return frames

    def open(self, frames: "list[bytes]") -> None:
        core: Any = self.core
        if frames == DEAD:
            core.resources.validate_alive([zmq.Frame(frames[0])])  # raises
        outputs: EngineCoreOutputs = core.decoder.decode(frames)
        answer = outputs.utility_output
        if answer is not None:
            if answer.call_id in core.utility_results:
                _process_utility_output(answer, core.utility_results)
            return
        if self.balance is not None:
            run_now(self.balance(core, outputs))
        if outputs.outputs or outputs.scheduler_stats:
            self.take(outputs)


def accept_read_only_buffers() -> None:
    """Have torch say now, to nobody, what it says once: a prompt's logprobs are tensors in bytes that we received.

    Nobody writes to them. To copy every message, for it to be writable, would cost each token something.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.frombuffer(b"\0", dtype=torch.uint8)


async def close(core: "AsyncMPClient") -> None:
    """End what vLLM leaves open when it has closed its sockets: the context of zmq, with its threads."""
    resources = core.resources
    if resources.stats_update_task is not None:
        await asyncio.wait((resources.stats_update_task,))  # it closes sockets of its own
    resources.ctx.destroy(linger=0)


def run_now(work: Any) -> None:
    """Run a coroutine that awaits nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError(f"{work} awaits something")
