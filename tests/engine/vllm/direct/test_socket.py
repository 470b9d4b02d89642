"""What comes through the socket is handed on in order, and whoever gets it knows whether more is there already."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
import zmq.asyncio
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs
from vllm.v1.engine.core_client import BackgroundResources
from vllm.v1.serial_utils import MsgpackDecoder, MsgpackEncoder

from sluice.engine.base import Pace
from sluice.engine.vllm.direct.socket import AT_ONCE, OutputSocket


class Box:
    """An OutputSocket at one end, the engine at the other. `taken`: which step, and whether it was late."""

    def __init__(self, context: zmq.asyncio.Context) -> None:
        reads = context.socket(zmq.PULL)
        self.writes: zmq.Socket[bytes] = zmq.Context.shadow(context.underlying).socket(zmq.PUSH)
        reads.bind("inproc://box")  # what is sent is there at once
        self.writes.connect("inproc://box")
        resources = BackgroundResources(context)
        resources.output_socket = reads
        core: Any = SimpleNamespace(resources=resources, decoder=MsgpackDecoder(EngineCoreOutputs), utility_results={})
        self.pace = Pace()
        self.taken: list[tuple[str, bool]] = []
        self.wanted, self.complete = 0, asyncio.Event()
        self.socket = OutputSocket(core, self.take, self.pace)
        self.reads, self.context = reads, context

    def take(self, outputs: EngineCoreOutputs) -> None:
        self.taken.append((outputs.outputs[0].request_id, self.pace.is_late))
        if len(self.taken) == self.wanted:
            self.complete.set()

    def close(self) -> None:
        """As vLLM does when an engine has died. It returns when all descriptors are closed."""
        self.writes.close(0)
        self.reads.close(0)
        self.context.term()

    def send(self, number: int) -> None:
        """So many steps, one after the other."""
        self.wanted += number
        for step in range(number):
            outputs = EngineCoreOutputs(outputs=[EngineCoreOutput(str(step), [1])])
            self.writes.send_multipart(MsgpackEncoder().encode(outputs))


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    context = zmq.asyncio.Context()
    box = Box(context)
    yield box
    box.close()


async def test_one_at_a_time_is_in_time(box: Box) -> None:
    reading = asyncio.create_task(box.socket.read())
    for _ in range(3):
        box.send(1)
        await asyncio.wait_for(box.complete.wait(), 5)
        box.complete.clear()
    assert box.taken == [("0", False)] * 3
    reading.cancel()
    await asyncio.wait((reading,))


async def test_what_has_piled_up_is_late_but_for_the_last_and_others_get_their_turn(box: Box) -> None:
    number = 4 * AT_ONCE + 1
    box.send(number)
    reading = asyncio.create_task(box.socket.read())
    entries = list[int]()
    while len(box.taken) < number:
        await asyncio.sleep(0)
        entries.append(len(box.taken))
    assert box.taken == [(str(step), step < number - 1) for step in range(number)]
    assert (
        max(after - before for before, after in zip([0, *entries], entries, strict=False)) <= 2 * AT_ONCE
    )  # by the reader and its own call
    reading.cancel()
    await asyncio.wait((reading,))


async def test_a_mistake_in_taking_ends_it(box: Box) -> None:
    def take(outputs: EngineCoreOutputs) -> None:
        raise ValueError("wrong")

    box.socket.take = take
    reading = asyncio.create_task(box.socket.read())
    box.send(1)
    with pytest.raises(ValueError, match="wrong"):
        await asyncio.wait_for(reading, 5)


async def test_who_gets_its_descriptor_when_the_engine_has_died_is_heard(box: Box) -> None:
    loop, number, heard = asyncio.get_running_loop(), int(box.reads.FD), asyncio.Event()
    reading = asyncio.create_task(box.socket.read())
    await asyncio.sleep(0)
    box.close()
    client, connection = socket.socketpair()
    with client, connection:
        os.dup2(connection.fileno(), number)
        loop.add_reader(number, heard.set)
        reading.cancel()
        await asyncio.wait((reading,))
        client.send(b"GET / HTTP/1.1")
        await asyncio.wait_for(heard.wait(), 1)
        loop.remove_reader(number)
        os.close(number)
