"""Servers for the tests: the app on a real socket, around the fake engine or the one real engine of the session."""

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from typing import Any

import pytest
import uvicorn
from openai import AsyncOpenAI

from sluice.api.endpoints import ENDPOINTS
from sluice.app import create_app
from sluice.engine.base import Engine, Loading, ModelInfo, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.engine import VLLMEngine
from sluice.lifecycle import Lifecycle
from sluice.settings import Settings
from sluice.transport.uvicorn import AcceleratedProtocol
from sluice.wire.endpoint import Endpoint
from tests.fake import FakeEngine
from tests.prompt import PromptServer
from tests.served import Served

REAL = {
    "model": "demo",
    "traffic": {"concurrency": 8},
    "engine": {
        "device": "cpu", "dtype": "float32", "max_model_len": 4096, "extra": {
            "kv_cache_memory_bytes": 256 * 1024**2, "enforce_eager": True,
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        },
    },
}  # fmt: skip
"""Not compiled, and without bfloat16, which old processors can't: it starts and answers in half the time. A small model
that may write any white space into its JSON writes nothing else."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """The beginning of what is long: a test's name is to be read."""
    return f"{ascii(val)[:40]}…" if isinstance(val, bytes | str) and len(val) > 80 else None


class Running(Served):
    """The app on a real socket, in this process."""

    def __init__(self, url: str, lifecycle: Lifecycle) -> None:
        super().__init__(url)
        self.lifecycle = lifecycle

    async def is_empty(self, within: float = 60) -> None:
        """Wait until nobody is inside, and see that the books say so. Raises TimeoutError."""
        await asyncio.wait_for(self.lifecycle.controller.empty.wait(), within)
        status = await self.status()
        assert (status["admitted"], status["running"], status["waiting"]) == (0, 0, 0)
        assert sum(status["finished"].values()) == self.lifecycle.controller.admitted_total

    def openai(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=120)


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def transport() -> str:
    """`accelerated` or `asgi`."""
    return "accelerated"


def left_behind(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The tasks that are new; sse-starlette has one a loop, which lives on and looks for the end of the server."""
    new = asyncio.all_tasks() - before - {asyncio.current_task()}
    return {task for task in new if not is_watcher(task)}


def is_watcher(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "") == "_shutdown_watcher"


@pytest.fixture
def serve(transport: str) -> Serve:
    """`async with serve(engine, concurrency=8) as server`: the app on a free port. Checks that it leaves no task."""

    @asynccontextmanager
    async def start(
        engine: Engine,
        settings: dict[str, Any] | None = None,
        endpoints: Sequence[Endpoint] = ENDPOINTS,
        **traffic: Any,
    ) -> AsyncIterator[Running]:
        before = asyncio.all_tasks()
        app = create_app(Settings.model_validate({"traffic": traffic} | (settings or {})), engine, endpoints=endpoints)
        lifecycle: Lifecycle = app.state.lifecycle
        listener = socket.create_server(("127.0.0.1", 0))
        protocols: dict[str, Any] = {
            "accelerated": AcceleratedProtocol.with_handler(app.state.intake), "asgi": "httptools",
        }  # fmt: skip
        config = uvicorn.Config(app, lifespan="on", log_level="warning", http=protocols[transport])
        server = PromptServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await lifecycle.loaded.wait()
        running = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", lifecycle)
        try:
            yield running
            await running.is_empty()
        finally:
            server.stop()
            await serving
        assert left_behind(before) == set(), "a task was left behind"

    return start


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    assert engine.live == {}, "a sequence was left in the engine"


class Started:
    """The session's engine as a server sees it that starts and stops with one test."""

    def __init__(self, engine: VLLMEngine, model: ModelInfo) -> None:
        self.engine, self.model = engine, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        return self.model

    async def stop(self) -> None: ...


@pytest.fixture(scope="session")
async def vllm() -> AsyncIterator[Started]:
    """vLLM itself, with the embedded model, on the CPU; started once."""
    engine = VLLMEngine(Settings.model_validate(REAL), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's imports warn of their own
        model = await engine.start(lambda loading: None)
    first = Gathered()
    engine.submit("first", await engine.render("1 2"), Sampling(max_tokens=1), first)
    assert [delta.tokens for delta in await first.all()] == [1]
    yield Started(engine, model)
    await engine.stop()


@pytest.fixture(scope="session")
def public(vllm: Started) -> Started:
    """The same vLLM, with outputs that come its own way."""
    from sluice.engine.vllm.public import PublicPath

    engine = copy(vllm.engine)
    engine.path = PublicPath(engine.running)
    return Started(engine, vllm.model)


@pytest.fixture(params=["direct", "public"])
async def either_way(
    serve: Serve, vllm: Started, public: Started, request: pytest.FixtureRequest
) -> AsyncIterator[Running]:
    """A server around vLLM, once for each way of its outputs."""
    async with serve({"direct": vllm, "public": public}[request.param]) as running:
        yield running


@pytest.fixture
async def client(either_way: Running) -> AsyncIterator[AsyncOpenAI]:
    async with either_way.openai() as client:
        yield client
