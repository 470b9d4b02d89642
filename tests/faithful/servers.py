"""Sluice and `vllm serve`, with the embedded model and the same engine."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

import sluice.demo
from sluice.bench.frontend.vllm_serve import version
from tests.process import QUICK, ROOT, started

CONFIG = "configs/demo.yaml"
ENVIRONMENT = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
"""Both would bind themselves to the first core, and a model this small wants no second one."""
MARKERS = {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}
"""Of the embedded model's thoughts; its parser tells Sluice, vLLM's `deepseek_v3` does not."""


def vllm_version() -> str:
    return version("vllm")


def engine_arguments() -> list[str]:
    """What Sluice's configuration hands to vLLM, as options of vLLM's own."""
    extra = yaml.safe_load((ROOT / CONFIG).read_text())["engine"]["extra"]
    return [word for key, value in extra.items() for word in (f"--{key.replace('_', '-')}", json.dumps(value))]


@asynccontextmanager
async def sluice_server() -> AsyncIterator[str]:
    arguments = ("sluice", "serve", CONFIG, "--set", "http.port=0", *QUICK)
    async with started(*arguments, env=ENVIRONMENT) as server:
        await server.readiness("ready", within=600)
        yield server.url


@asynccontextmanager
async def vllm_server() -> AsyncIterator[str]:
    """It has no port of its own choice: it gets one that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with started(
        "sluice.bench.frontend.vllm_serve", "serve", str(Path(sluice.demo.__file__).parent), "--host", "127.0.0.1",
        "--port", str(port), "--served-model-name", "demo", "--dtype", "float32", "--enforce-eager",
        *engine_arguments(), "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
        "--reasoning-parser", "deepseek_v3", "--reasoning-config", json.dumps(MARKERS),
        "--enable-prompt-tokens-details", "--uvicorn-log-level", "error",
        listens=False, env=ENVIRONMENT | {"VLLM_LOGGING_LEVEL": "ERROR"},
    ) as server:  # fmt: skip
        server.url = f"http://127.0.0.1:{port}"
        await server.listens(within=600)
        yield server.url
