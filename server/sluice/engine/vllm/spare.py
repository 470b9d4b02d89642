"""A vLLM that is loaded beside the one that serves, and takes its place when that dies."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client.registry import Collector

from sluice.engine.vllm.launch import Launch
from sluice.errors import EngineFailed, SettingsError
from sluice.stderr import tell

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

    from sluice.engine.vllm.parsing import Parsing
    from sluice.engine.vllm.renderer import Renderer


class Loaded(NamedTuple):
    """One vLLM, and what was made for it. `collectors`: its metrics, of which vLLM has those of the newest only."""

    llm: "AsyncLLM"
    renderer: "Renderer"
    parsing: "Parsing"
    collectors: list[Collector]


class Spare:
    """Loads from when it is made. `load`: how."""

    def __init__(self, launch: Launch, load: Callable[[Launch], Coroutine[Any, Any, Loaded]]) -> None:
        self.launch = launch
        self.loading = asyncio.create_task(self.run(load))

    async def run(self, load: Callable[[Launch], Coroutine[Any, Any, Loaded]]) -> Loaded | None:
        try:
            loaded = await load(self.launch)
        except (EngineFailed, SettingsError) as error:
            if not self.launch.stopping:
                tell(f"There is no spare engine: {error}")
            return None
        tell("A spare engine is ready")
        return loaded

    async def take(self) -> Loaded | None:
        """As soon as it is loaded; None if it cannot be, or has died, and then nothing of it is left."""
        loaded = await self.loading
        if loaded is not None and not loaded.llm.errored:
            return loaded
        await self.end()
        return None

    async def end(self) -> None:
        self.launch.stopping = True
        loaded = self.loading.result() if self.loading.done() else None
        llm = None if loaded is None else loaded.llm
        await asyncio.get_running_loop().run_in_executor(None, self.launch.end, llm)
        await self.loading
