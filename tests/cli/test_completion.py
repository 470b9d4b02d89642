"""What the shells ask `sluice` for when somebody presses the tab key."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

SLUICE = Path(sys.executable).parent / "sluice"


async def completed(words: str) -> list[str]:
    count = len(words.split(" ")) - 1
    asked = {"_SLUICE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    process = await asyncio.create_subprocess_exec(SLUICE, env=os.environ | asked, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().split()


@pytest.mark.parametrize(
    ("words", "found"),
    [("sluice ser", ["serve"]), ("sluice bench o", ["overload", "open"]), ("sluice init --acc", ["--access"])],
)
async def test_commands_and_options_are_completed(words: str, found: list[str]) -> None:
    assert await completed(words) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_each_shell_can_be_told_how(shell: str) -> None:
    process = await asyncio.create_subprocess_exec(
        SLUICE, "--show-completion", shell, env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert "_SLUICE_COMPLETE=" in out.decode()
