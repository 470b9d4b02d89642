"""Nobody reads stderr any more: the server goes on, drains and ends as ever."""

import asyncio
import os
import pty
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest

from sluice.stderr import unfailing
from tests.process import ROOT, Process, started
from tests.test_lifecycle import rest_of, streaming

Place = Callable[[], AbstractContextManager[int]]


@contextmanager
def nobody_reads() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def nobody_reads_what_is_full() -> Iterator[int]:
    """Whoever should read is there and does not: to write would wait for ever."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def the_disk_is_full() -> Iterator[int]:
    full = os.open("/dev/full", os.O_WRONLY)
    yield full
    os.close(full)


@contextmanager
def the_terminal_is_gone() -> Iterator[int]:
    master, terminal = pty.openpty()
    os.close(master)
    yield terminal
    os.close(terminal)


PLACES = (nobody_reads, nobody_reads_what_is_full, the_disk_is_full, the_terminal_is_gone)
places = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
SLOWLY = '{"seconds_a_token": 0.02}'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@places
async def test_a_server_that_nobody_hears_drains(place: Place) -> None:
    port = free_port()
    with place() as stderr:
        async with started(
            "tests.serve_fake", f'{{"http.port": {port}}}', SLOWLY, listens=False, stderr=stderr
        ) as server:
            server.url = f"http://127.0.0.1:{port}"
            await server.listens(within=20)
            async with streaming(server, 40) as events:
                server.send(signal.SIGHUP)  # it has something to say
                server.send(signal.SIGTERM)
                assert (await server.readiness("draining")).status_code == 503
                _, last = await rest_of(events)
            assert last == "[DONE]"
            assert await server.exit_code(within=10) == 0


async def test_a_mistake_in_the_settings_is_exit_2_all_the_same() -> None:
    with nobody_reads() as stderr:
        async with started("sluice", "check", "--set", "traffic.x=1", listens=False, stderr=stderr) as process:
            assert await process.exit_code(within=30) == 2


async def test_a_server_without_descriptors_has_none_taken_for_them() -> None:
    """A connection that was given the number 2 would get what is said."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, "-m", "tests.serve_fake", f'{{"http.port": {port}}}',
        SLOWLY, cwd=ROOT,
    )  # fmt: skip
    server = Process(process)
    try:
        server.url = f"http://127.0.0.1:{port}"
        await server.listens(within=20)
        assert {os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)} == {os.devnull}
        async with streaming(server, 50) as events:
            server.send(signal.SIGTERM)
            _, last = await rest_of(events)
        assert last == "[DONE]"
        assert await server.exit_code(within=10) == 0
    finally:
        if process.returncode is None:
            process.kill()


@places
def test_a_line_is_lost_at_once(place: Place) -> None:
    with place() as descriptor:
        stream = unfailing(descriptor)
        began = time.monotonic()
        for _ in range(1000):
            print("a line", "x" * 10_000, file=stream)
        assert time.monotonic() - began < 1
        assert stream.isatty() == os.isatty(descriptor)


def test_who_reads_gets_all_to_the_letter() -> None:
    """However much it is, and whatever characters: a reader that is only late is waited for."""
    said = [f"{number} – é 🎉 {'x' * 3000}\n" for number in range(200)]
    heard = list[str]()
    reading, writing = os.pipe()

    def listen() -> None:
        with os.fdopen(reading) as lines:
            heard.extend(lines)

    listening = threading.Thread(target=listen)
    listening.start()
    stream = unfailing(writing)
    for line in said:
        stream.write(line)
    os.close(writing)
    listening.join(10)
    assert heard == said


def test_who_reads_again_gets_what_is_said_then() -> None:
    reading, writing = os.pipe()
    stream = unfailing(writing)
    for _ in range(100):
        print("x" * 4000, file=stream)
    os.set_blocking(reading, False)
    os.read(reading, 1_000_000)
    print("again", file=stream)
    assert os.read(reading, 1_000_000) == b"again\n"
    os.close(reading)
    os.close(writing)
