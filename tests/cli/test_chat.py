"""`sluice chat` as a user has it: on a terminal, and in a pipe, with a server around the fake engine."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from tests.cli.command import exit_status, terminal
from tests.process import ROOT, Process, started


@pytest.fixture
async def server() -> AsyncIterator[Process]:
    async with started("tests.serve_fake", '{"http": {"port": 0}}', json.dumps({"seconds_a_token": 0.02})) as process:
        await process.readiness("ready")
        yield process


async def test_ctrl_c_stops_the_answer_on_the_server_and_the_conversation_goes_on(server: Process) -> None:
    def talk() -> None:
        with terminal("chat", server.url) as chat:
            chat.expect("demo at http.*Ctrl-C stops an answer, Ctrl-D ends the conversation")
            chat.expect("> ")
            chat.sendline("Count from 1 to 1500")
            chat.expect(" 7 8 9 10 ")
            chat.sendintr()
            chat.expect("stopped")
            chat.expect("> ")
            chat.sendline("and up to 3, please")
            chat.expect("1 2 3 4 5 6 7 8 9 10 ")  # it still knows what was asked first
            chat.sendintr()
            chat.expect("> ")
            chat.sendeof()
            assert exit_status(chat) == 0

    await asyncio.to_thread(talk)
    await server.has(admitted=0, running=0, within=5)
    finished = (await server.status())["finished"]
    assert (finished["aborted"], finished["finished"]) == (2, 0)


async def test_an_answer_that_ends_tells_its_tokens(server: Process) -> None:
    def talk() -> None:
        with terminal("chat", server.url) as chat:
            chat.expect("> ")
            chat.sendline("Count from 1 to 5")
            chat.expect(r"1 2 3 4 5\r\n10 tokens, \d+\.\d a second")
            chat.sendintr()
            chat.expect("Ctrl-C stops an answer")

    await asyncio.to_thread(talk)


async def piped(url: str, text: str) -> tuple[int | None, str, str]:
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluice", "chat", url, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate(text.encode())
    return process.returncode, out.decode(), err.decode()


async def test_a_pipe_gets_the_answers_alone(server: Process) -> None:
    assert await piped(server.url, "Count from 1 to 5") == (0, "1 2 3 4 5\n", "")


async def test_what_is_wrong_is_one_line_and_exit_1(server: Process) -> None:
    code, out, err = await piped("http://127.0.0.1:9", "hello")
    assert (code, out) == (1, "")
    assert err.startswith("sluice: http://127.0.0.1:9 cannot be reached: ")
    code, out, err = await piped(f"{server.url}/v1", "x" * 5000)
    assert (code, out.strip()) == (1, "")
    assert err.startswith(f"sluice: {server.url}/v1/chat/completions: 400 This model's maximum context length is 4096")
