"""What `sluice serve` shows on a terminal once it is ready, and that it can be used as it stands there."""

import asyncio
import json
import os
import shlex
import subprocess
import sys

import pexpect

from sluice.engine.base import ModelInfo
from sluice.settings import Settings
from sluice.welcome import examples, facts
from tests.process import ROOT, started

SETTINGS = {"http": {"port": 0}, "traffic": {"concurrency": 4, "max_concurrency": 8}}
COUNTED = " ".join(map(str, range(1, 51)))
LOADED = ModelInfo(max_model_len=4096, max_num_seqs=256, kv_cache_tokens=73_728)


async def test_a_terminal_is_shown_what_there_is() -> None:
    def watch() -> None:
        arguments = ["-m", "tests.serve_fake", json.dumps(SETTINGS), "{}"]
        server = pexpect.spawn(
            sys.executable, arguments, cwd=str(ROOT), encoding="utf-8", dimensions=(60, 120),
            env={**os.environ, "TERM": "dumb"},
        )  # fmt: skip
        try:
            server.expect("Sluice is ready", timeout=30)
            server.expect("model +demo, sequences of 4,096 tokens at most")
            server.expect("devices +1 × cpu")
            server.expect("concurrency +4 run at once")
            server.expect("max_concurrency +8 inside; one more gets 429")
            server.expect(r"the page +http://127.0.0.1:\d+/ ")
            server.expect("ANTHROPIC_MODEL=demo claude")
            server.expect("sluice chat http")
            server.sendintr()
            server.expect(pexpect.EOF, timeout=30)
        finally:
            server.close(force=True)

    await asyncio.to_thread(watch)


async def test_elsewhere_there_are_lines_as_ever() -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), "{}") as server:
        await server.line("Ready after", within=30)
        async with asyncio.timeout(10):
            while (await server.status())["phase"] != "ready":  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
    assert all(line.startswith("sluice: ") for line in server.lines), server.lines


async def run(command: str) -> str:
    process = await asyncio.create_subprocess_shell(command, cwd=ROOT, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, command
    return out.decode()


async def test_what_is_shown_works_as_it_is_copied() -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), "{}") as server:
        await server.readiness("ready")
        shown = examples(Settings(), LOADED, server.url)
        assert (await run(shown["curl"])).endswith("data: [DONE]\n\n")
        assert await run(shlex.join([sys.executable, "-c", shown["Python"]])) == COUNTED
        for name, package in (
            ("OpenAI's clients", "openai; c = openai.OpenAI"),
            ("Anthropic's", "anthropic; c = anthropic.Anthropic"),
        ):
            code = f"import {package}(); print(c.models.list().data[0].id)"
            assert await run(f"{shown[name]}; {shlex.join([sys.executable, '-c', code])}") == "demo\n"


def test_a_key_is_named_and_never_shown() -> None:
    settings = Settings.model_validate({"tenants": [{"name": "a", "keys": ["env:HOME"]}]})
    for text in examples(settings, LOADED, "http://here").values():
        assert "SLUICE_API_KEY" in text or text.startswith("sluice chat")
        assert os.environ["HOME"] not in text


def test_the_kv_cache_is_told_in_sequences() -> None:
    told = facts(Settings(), LOADED, "cpu", "http://here")
    assert told["KV cache"] == "73,728 tokens: 18.0 sequences of full length fit at once"
    assert told["max_concurrency"] == "no limit"
