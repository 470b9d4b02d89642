"""The README's commands are run as they stand there, but for the port."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from starlette.routing import Mount, Route

from sluice.anthropic.messages import blocks as anthropics_blocks
from sluice.anthropic.messages import models as anthropics
from sluice.anthropic.messages.tools import MOST_TOOLS
from sluice.api.body_floor import FLOOR_BYTES_PER_S
from sluice.api.generation import MOST_PROMPT_LOGPROBS
from sluice.engine.vllm.public import MOST_PROMPT_LOGPROBS as PUBLIC_PROMPT_LOGPROBS
from sluice.errors import SHOWN_CHARACTERS
from sluice.openai.chat.messages import MOST_CALLS, MOST_PARTS
from sluice.openai.chat.models import MOST_MESSAGES
from sluice.openai.responses.items import MOST_ITEMS
from sluice.openai.sampling import (
    LONGEST_BAD_WORD,
    LONGEST_STOP,
    MOST_BAD_WORDS,
    MOST_BIASES,
    MOST_LOGPROB_TOKEN_IDS,
    MOST_LOGPROBS,
    MOST_SEQUENCES,
    MOST_STOPS,
    MOST_TOKEN_IDS,
)
from sluice.settings import Settings, Tenant
from sluice.telemetry.ignored import MOST_NAMES
from sluice.transport.body import LINE_BYTES
from sluice.transport.head import HEAD_BYTES, HEADERS_COUNT
from sluice.wire.ignored import LONGEST_IGNORED, MOST_IGNORED
from sluice.wire.structure import MOST_ENTRIES, MOST_LEVELS, MOST_VALUES
from tests.conftest import Serve, Started

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COUNTED = " ".join(map(str, range(1, 51)))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
    output, _ = await process.communicate()
    assert process.returncode == 0, command
    return output.decode()


async def test_the_commands_do_what_they_say(serve: Serve, vllm: Started) -> None:
    curl, status, tools, check = blocks("sh")
    sdk, _, claude = blocks("python")
    async with serve(vllm, concurrency=8, max_concurrency=24) as server:
        here = ("http://127.0.0.1:8000", server.url)
        streamed = await run("sh", "-c", curl.replace(*here))
        assert "".join(re.findall(r'"content":"([^"]*)"', streamed)) == COUNTED
        assert streamed.endswith("data: [DONE]\n\n")
        for client in (sdk, claude):
            assert await run(sys.executable, "-c", client.replace(*here)) == COUNTED
        called = json.loads(await run("sh", "-c", tools.replace(*here)))["choices"][0]["message"]["tool_calls"]
        assert [call["function"]["arguments"] for call in called] == ['{"city": "Oslo"}']
        assert '"phase":"ready"' in await run("sh", "-c", status.replace(*here))
    sluice = str(Path(sys.executable).parent / "sluice")
    assert "fine" in await run("sh", "-c", check.replace(".venv/bin/sluice", sluice))


def test_the_mount_shown_is_one() -> None:
    _, mount, _ = blocks("python")
    named: dict[str, Any] = {}
    exec(mount, named)
    (found,) = (route for route in named["app"].routes if isinstance(route, Mount))
    assert found.path == "/llm"
    assert any(route.path == "/v1/chat/completions" for route in found.routes if isinstance(route, Route))
    assert named["app"].router.lifespan_context is not FastAPI().router.lifespan_context


def test_the_first_command_is_a_target_of_the_makefile() -> None:
    (first,) = blocks("console")
    assert first.startswith("$ make serve ")
    assert (
        "sluice serve configs/demo.yaml"
        in subprocess.run(["make", "-n", "serve"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    )


def test_the_settings_shown_are_all_there_are_with_their_defaults() -> None:
    shown = blocks("yaml")[0]
    settings = Settings.model_validate(yaml.safe_load(shown))
    default = Settings()
    assert settings.engine == default.engine
    assert settings.http == default.http
    assert settings.traffic.model_copy(update={"concurrency": None, "max_concurrency": None}) == default.traffic
    for section in (settings, settings.traffic, settings.engine, settings.http, settings.operators):
        assert section.model_fields_set == set(type(section).model_fields)


def test_the_tenants_shown_can_be_and_set_all_there_is() -> None:
    shown = blocks("yaml")[1]
    first, second = Settings.model_validate(yaml.safe_load(shown)).tenants
    assert first.model_fields_set == set(Tenant.model_fields)
    assert second.classes == ["batch"]


def test_the_operators_shown_can_be() -> None:
    shown = blocks("yaml")[2]
    assert Settings.model_validate(yaml.safe_load(shown)).operators.keys == ["env:OPERATOR_KEY"]


PAGES = [
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "server/README.md")),
    ROOT / "server/sluice/bench/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path) -> None:
    for target, part in re.findall(r"\]\(([^)#:]*)(#[^)]+)?\)", page.read_text()):
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name}: {target}"
        assert not part or part in parts(found), f"{page.name}: {target}{part}"


def parts(page: Path) -> set[str]:
    """What a link can lead to within it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_limits_told_are_those_that_hold() -> None:
    told = (ROOT / "docs" / "limits.md").read_text()
    for number in (
        HEAD_BYTES, HEADERS_COUNT, LINE_BYTES, FLOOR_BYTES_PER_S, MOST_LEVELS, MOST_VALUES, MOST_ENTRIES, MOST_MESSAGES,
        MOST_PARTS, MOST_CALLS, MOST_STOPS, LONGEST_STOP, MOST_BIASES, MOST_SEQUENCES, SHOWN_CHARACTERS,
        anthropics.MOST_MESSAGES, anthropics.MOST_STOPS, anthropics.LONGEST_STOP, anthropics_blocks.MOST_BLOCKS,
        MOST_TOOLS,
        MOST_ITEMS,
        MOST_TOKEN_IDS, MOST_LOGPROB_TOKEN_IDS, MOST_BAD_WORDS, LONGEST_BAD_WORD, MOST_LOGPROBS,
        *MOST_PROMPT_LOGPROBS.values(), PUBLIC_PROMPT_LOGPROBS, MOST_IGNORED, LONGEST_IGNORED, MOST_NAMES,
    ):  # fmt: skip
        assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", told), number


def test_each_decision_is_in_the_index() -> None:
    index = ROOT / "docs" / "decisions" / "README.md"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", index.read_text())
    assert sorted(listed) == sorted(page.name for page in index.parent.iterdir() if page != index)
