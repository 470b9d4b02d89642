"""`sluice serve` with the real engine, as a user starts it, asks it and stops it."""

import asyncio
import gc
import json
import re
import shutil
import signal
import socket
import tempfile
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from openai import AsyncOpenAI

from sluice.admission import AdmissionController
from sluice.engine.vllm.processes import TITLE
from sluice.lifecycle import ENDING_S, Lifecycle
from sluice.serving import settle
from sluice.settings import Settings
from sluice.settings.models import DEMO
from tests.fake import FakeEngine
from tests.process import QUICK, Process, started

pytestmark = pytest.mark.timeout(600)
LOADING = 400.0
"""Seconds that a start may take on a busy machine."""
CONFIG = "configs/demo.yaml"
STALLED_S = 3


def counted(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Process]:
    """One server for this file. It listens before it has loaded."""
    began = time.monotonic()
    async with started(
        "sluice",
        "serve",
        CONFIG,
        "--set",
        "http.port=0",
        "--set",
        f"engine.stall_timeout={STALLED_S}",
        *QUICK,
    ) as process:
        assert (await process.readiness("starting")).status_code == 503
        assert time.monotonic() - began < 10  # 3 on a machine of its own
        assert (await process.readiness("ready", within=LOADING)).status_code == 200
        yield process


async def curl(url: str, last: int) -> str:
    body = {
        "model": "demo", "stream": True, "stream_options": {"include_usage": True}, "temperature": 0,
        "messages": [{"role": "user", "content": f"Count from 1 to {last}."}],
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--no-buffer", f"{url}/v1/chat/completions", "--json", json.dumps(body),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0
    return out.decode()


def read(answer: str) -> tuple[str, dict[str, int], list[str]]:
    """The text, the usage and the finish reasons of a complete stream."""
    *events, done, nothing = answer.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    opening, *chunks, last = [json.loads(event.removeprefix("data: ")) for event in events]
    assert opening["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert last["choices"] == []
    assert len(chunks) == last["usage"]["completion_tokens"], "not one event a token"
    choices = [chunk["choices"][0] for chunk in chunks]
    reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    return "".join(choice["delta"].get("content", "") for choice in choices), last["usage"], reasons


async def test_curl_streams_to_the_letter(server: Process) -> None:
    text, usage, reasons = read(await curl(server.url, 50))
    assert (text, reasons) == (counted(50), ["stop"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_the_openai_package_streams_to_the_letter(server: Process) -> None:
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="demo", stream=True, stream_options={"include_usage": True}, temperature=0,
            messages=[{"role": "user", "content": "Count from 1 to 50."}],
        )  # fmt: skip
        opening, *chunks, last = [chunk async for chunk in stream]
    assert opening.choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == counted(50)
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert last.usage is not None
    assert last.usage.completion_tokens == len(chunks)


async def test_signals_are_the_servers_alone(server: Process) -> None:
    """A terminal and systemd send them to all processes; the engine's have to live on until the streams are drained."""
    asking = asyncio.create_task(curl(server.url, 100))
    await server.has(running=1)
    for process in server.family():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
    assert read(await asking)[0] == counted(100)


async def test_nothing_of_it_is_reached_from_elsewhere(server: Process) -> None:
    """Nor are vLLM's own sockets, over which its processes send each other what Python makes objects of."""
    assert {"127.0.0.1"} <= server.addresses() <= {"127.0.0.1", "::1"}


COUNT = {"messages": [{"role": "user", "content": "Count from 1 to 80."}], "temperature": 0}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("chat/completions", COUNT),
    ("chat/completions", COUNT | {"stream": True, "logprobs": True}),
    ("chat/completions", COUNT | {"temperature": 0.7, "seed": 5, "n": 2}),
    ("chat/completions", COUNT | {"frequency_penalty": 0.01, "stop": ["60"]}),
    ("chat/completions", COUNT | {"response_format": FORMAT}),
    ("completions", {"prompt": "1 2 3", "max_tokens": 120, "temperature": 0.7, "seed": 1, "stream": True}),
    ("completions", {"prompt": "1 2 3", "max_tokens": 120, "temperature": 0, "echo": True, "logprobs": 1}),
]  # fmt: skip
"""What goes on with what it has for a prompt, and what is made again."""
OWN = re.compile(r'"(id|created|system_fingerprint)":("[^"]*"|\d+)|: ping\n\n|"cached_tokens":\d+')
"""Of an answer, what another one to the same request would not have; and pings."""


async def answers(url: str) -> list[str]:
    async with httpx.AsyncClient(base_url=f"{url}/v1/", timeout=120) as client:
        told = await asyncio.gather(*(client.post(path, json={"model": "demo", **body}) for path, body in ASKED))
    assert [answer.status_code for answer in told] == [200] * len(ASKED)
    return [OWN.sub("", answer.text) for answer in told]


def numbers_apart(answer: str) -> tuple[str, list[float]]:
    """Logprobs are the same to rounding: which sequences are computed together decides their last digits."""
    decimal = re.compile(r"-?\d+\.\d+(e-\d+)?")
    return decimal.sub("", answer), [float(match[0]) for match in decimal.finditer(answer)]


HARMS = {signal.SIGKILL: "The engine has died", signal.SIGSTOP: "The engine hangs"}


async def test_an_engine_is_replaced_and_no_answer_is_another(server: Process) -> None:
    undisturbed, held = await answers(server.url), list[int]()
    for harm, told in HARMS.items():
        core = next(process for process in server.family() if process.name() == f"{TITLE}EngineCore")
        asking = asyncio.create_task(answers(server.url))
        await server.has(running=len(ASKED) + 1)
        core.send_signal(harm)
        await server.line(told, within=STALLED_S + 10)
        assert (await server.readiness("recovering")).status_code == 503
        assert (await server.status())["admitted"] == len(ASKED) + 1
        for answer, wanted in zip(await asking, undisturbed, strict=True):
            (text, numbers), (wanted_text, wanted_numbers) = numbers_apart(answer), numbers_apart(wanted)
            assert text == wanted_text
            assert numbers == pytest.approx(wanted_numbers, abs=0.02)
        assert (await server.readiness("ready")).status_code == 200
        assert psutil.wait_procs([core], timeout=5)[1] == []
        await server.has_no_connection(within=10)
        held.append(psutil.Process(server.process.pid).num_fds())
    assert held[0] == held[1], "what an engine had open, the next one's has not closed"


async def test_sigterm_drains_and_leaves_no_process(server: Process) -> None:
    """The last test that uses the server. Nobody reads its stderr any more."""
    family = server.family()
    assert "Traceback" not in "\n".join(server.lines)
    server.be_deaf()
    asking = asyncio.create_task(curl(server.url, 150))
    await server.has(running=1)
    server.send(signal.SIGTERM)
    assert (await server.readiness("draining")).status_code == 503
    assert read(await asking)[0] == counted(150)
    assert await server.exit_code(within=ENDING_S) == 0
    assert psutil.wait_procs(family, timeout=5)[1] == []


@pytest.fixture
def short_path() -> Iterator[Path]:
    """pytest's are too long for a socket's address."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def title(process: psutil.Process) -> str:
    """None, once it has ended: what starts comes and goes."""
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def sockets_in(folder: Path) -> list[Path]:
    """The folders of engines' sockets."""
    return list(folder.glob("sluice-*"))


async def test_what_is_killed_while_it_loads_takes_its_engine_along(short_path: Path) -> None:
    elsewhere = {"TMPDIR": str(short_path)}
    async with started("sluice", "serve", CONFIG, "--set", "http.port=0", *QUICK, env=elsewhere) as process:
        family = list[psutil.Process]()
        async with asyncio.timeout(LOADING):
            while not any(title(each).startswith(TITLE) for each in family):
                await asyncio.sleep(0.05)
                family = process.family()
        assert sockets_in(short_path)
        process.send(signal.SIGKILL)
        await process.exit_code(within=10)
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert sockets_in(short_path) == []


async def test_what_stays_is_kept_from_the_garbage_collector_and_what_has_died_is_not() -> None:
    class Dead:
        """What was there with an engine."""

    thresholds, lifecycle, dead, gone = gc.get_threshold(), starting(), Dead(), asyncio.Event()
    setattr(dead, "itself", dead)  # noqa: B010 - a circle, which the collector alone can end
    weakref.finalize(dead, gone.set)
    settling = asyncio.create_task(settle(lifecycle))
    try:
        await asyncio.sleep(0)
        assert gc.get_freeze_count() == 0  # what is loaded comes and goes until then
        lifecycle.loaded.set()
        await asyncio.sleep(0)
        assert gc.get_freeze_count() > 0
        del dead
        lifecycle.recovered.set()
        await asyncio.wait_for(gone.wait(), 10)
        assert gc.get_freeze_count() > 0
    finally:
        settling.cancel()
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def starting() -> Lifecycle:
    settings = Settings(model="demo")
    return Lifecycle(FakeEngine(), AdmissionController(settings.traffic), print, settings.engine)


async def test_a_port_in_use_is_one_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with started("sluice", "serve", CONFIG, "--set", f"http.port={port}", listens=False) as process:
            assert await process.exit_code(within=60) == 1
    (line,) = process.lines
    assert line.startswith(f"sluice: cannot listen on 127.0.0.1:{port}: Address already in use; --set http.port=")


async def test_a_model_that_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.py", "__pycache__"))
    (folder / "model.safetensors").write_bytes((DEMO / "model.safetensors").read_bytes()[:1_000_000])
    async with started(
        "sluice", "serve", CONFIG, "--set", "http.port=0", "--set", f"model={folder}", *QUICK
    ) as process:
        watching = asyncio.create_task(watch(process))
        assert await process.exit_code(within=LOADING) == 1
    said = [line for line in process.lines[1:] if not line.startswith("sluice: Loading")]
    assert len(said) == 1, said
    assert said[0].startswith(f"sluice: The model {folder} cannot be loaded: ")
    assert "safetensors" in said[0]
    assert psutil.wait_procs(await watching, timeout=5)[1] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("engine.max_model_len=100000", "vLLM: User-specified max_model_len (100000) is greater than"),
        ("engine.tool_call_parser=hermess", "vLLM has no parser hermess; did you mean hermes?"),
    ],
)
async def test_what_only_vllm_finds_wrong_is_exit_2_before_a_weight_is_read(wrong: str, told: str) -> None:
    async with started("sluice", "serve", CONFIG, "--set", "http.port=0", "--set", wrong) as process:
        assert await process.exit_code(within=LOADING) == 2
    (said,) = [line for line in process.lines[1:] if not line.startswith("sluice: Loading")]
    assert said.startswith(f"sluice: {wrong.partition('=')[0]}: {told}")
    assert not any("weights" in line for line in process.lines)


async def watch(process: Process) -> set[psutil.Process]:
    """Every process that was ever below this one."""
    seen = set[psutil.Process]()
    while process.process.returncode is None:
        try:
            seen.update(process.family())
        except psutil.NoSuchProcess:
            break
        await asyncio.sleep(0.2)
    return seen
