"""`sluice serve` on a vLLM whose insides have moved: it says so, and answers to the letter."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.process import QUICK, ROOT, Process, started

pytestmark = pytest.mark.timeout(600)
LOADING_S = 400.0
"""How long a start may take on a busy machine."""
MOVED = "EngineCoreOutput has other fields: +one_more"
SAYS = "sluice: engine.output_path: public, as direct does not fit: "

PATCHING = """
import importlib.machinery
import sys

PATCHES = {patches!r}

class Patched(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        source = self.get_data(self.path).decode()
        for old, new in PATCHES[fullname]:
            assert old in source, (fullname, old)
            source = source.replace(old, new)
        return self.source_to_code(source.encode(), self.path)

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name in PATCHES else None
        if spec is not None:
            spec.loader = Patched(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder)
"""
"""A `sitecustomize` that changes modules' sources as they are imported, here and in the engine's processes."""

Patches = dict[str, list[tuple[str, str]]]
ONE_MORE_FIELD: Patches = {
    "vllm.v1.engine": [
        (
            "    prompt_token_id_logprobs: torch.Tensor | None = None\n",
            "    prompt_token_id_logprobs: torch.Tensor | None = None\n    one_more: int = 0\n",
        )
    ]
}
DEAF: Patches = {
    "sluice.engine.vllm.direct.socket": [
        ("    def drain(self) -> None:\n", "    def drain(self) -> None:\n        return\n")
    ],
    "sluice.engine.vllm.probe": [("PROBE_WAIT_S = 60.0", "PROBE_WAIT_S = 2.0")],
}


def serve(folder: Path, patches: Patches, output_path: str) -> AbstractAsyncContextManager[Process]:
    (folder / "sitecustomize.py").write_text(PATCHING.format(patches=patches))
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    settings = ("--set", "http.port=0", "--set", f"engine.output_path={output_path}", *QUICK)
    return started("sluice", "serve", "configs/demo.yaml", *settings, env={"PYTHONPATH": path})


async def counted(client: httpx.AsyncClient, last: int) -> str:
    prompt = [{"role": "user", "content": f"Count from 1 to {last}."}]
    body = {"model": "demo", "stream": True, "temperature": 0, "messages": prompt}
    *events, done, nothing = (await client.post("/v1/chat/completions", json=body)).text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events]
    assert choices[-1]["finish_reason"] == "stop"
    return "".join(choice["delta"].get("content", "") for choice in choices)


async def test_it_is_served_vllms_own_way(tmp_path: Path) -> None:
    async with serve(tmp_path, ONE_MORE_FIELD, "auto") as server:
        await server.readiness("ready", within=LOADING_S)
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
            answers = await asyncio.gather(*(counted(client, last) for last in range(40, 60)))
            metrics = (await client.get("/metrics")).text
        assert answers == [" ".join(map(str, range(1, last + 1))) for last in range(40, 60)]
        assert (await server.status())["output_path"] == "public"
        assert 'sluice_output_path{path="public"} 1.0' in metrics
        assert 'vllm:request_success_total{engine="0",finished_reason="stop"' in metrics
        family = server.family()
        server.send(signal.SIGTERM)
        assert await server.exit_code(within=60) == 0
    assert [line for line in server.lines if "output_path" in line] == [f"{SAYS}{MOVED}"]
    assert "Traceback" not in "\n".join(server.lines)
    assert psutil.wait_procs(family, timeout=5)[1] == []


async def test_only_direct_and_it_does_not_fit(tmp_path: Path) -> None:
    async with serve(tmp_path, DEAF, "direct") as server:
        assert await server.exit_code(within=LOADING_S) == 1
    assert "Traceback" not in "\n".join(server.lines)
    said = [line for line in server.lines[1:] if line.startswith("sluice: ") and "Loading" not in line]
    assert said == ["sluice: engine.output_path: direct does not fit: it gave no answer within 2 s"]


def test_vllms_own_way_needs_nothing_private() -> None:
    """What is private to vLLM is in one folder, which nothing outside it imports but to use it."""
    script = "import sys, sluice.engine.vllm.public, sluice.engine.vllm.engine; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "server"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "sluice.engine.vllm.direct" not in done.stdout
