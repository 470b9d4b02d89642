"""vLLM's AsyncLLM behind the Engine protocol: starting it, feeding it, stopping it.

The import alone takes seconds, so it happens in `start`, on the thread that loads the model.
"""

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from sluice.engine.base import Loading, ModelInfo, Pace, Prompt, Receiver, Sampling, Sequence
from sluice.engine.devices import Device
from sluice.engine.vllm import cpu
from sluice.engine.vllm.child_logs import ChildLogs
from sluice.engine.vllm.package import check_companions
from sluice.engine.vllm.processes import family, kill, on_a_daemon_thread
from sluice.errors import EngineFailed, InvalidRequest, one_line
from sluice.settings import Settings

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    from sluice.engine.vllm.direct.outputs import DirectPath
    from sluice.engine.vllm.renderer import Renderer

STAGES = ("importing vLLM", "reading the model's configuration", "loading the weights and warming up")
STARTING_PROCESSES = 2


class VLLMEngine:
    """Starts, feeds and stops vLLM as the settings say."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self.settings, self.device = settings, device
        self.llm: AsyncLLM | None = None
        self.loading: Future[AsyncLLM] | None = None
        self.stage = 0
        self.stopping = False
        self.defaults: dict[str, Any] = {}
        self.pace = Pace()
        self.outputs: DirectPath
        self.renderer: Renderer
        self.tasks: tuple[Any, ...] = ()

    @property
    def running(self) -> "AsyncLLM":
        assert self.llm is not None, "the engine has not started"
        return self.llm

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        loop = asyncio.get_running_loop()

        def stage(step: int) -> None:
            self.stage = step
            if self.stopping:
                raise EngineFailed("The engine is being stopped.")
            loop.call_soon_threadsafe(report, Loading(STAGES[step], step + 1, len(STAGES)))

        logs = ChildLogs()
        with logs:
            self.loading = on_a_daemon_thread(lambda: self.load(stage))
            try:
                self.llm = llm = await asyncio.wrap_future(self.loading)
                await self.connect(llm)
            except Exception as error:
                cause = logs.cause() or one_line(error)
                raise EngineFailed(f"The model {self.settings.model} cannot be loaded: {cause}") from error
        logs.forward()
        config = llm.vllm_config
        self.defaults = config.model_config.get_diff_sampling_param()
        return ModelInfo(
            max_model_len=config.model_config.max_model_len,
            max_num_seqs=config.scheduler_config.max_num_seqs * self.settings.engine.workers,
            max_tokens=self.defaults.pop("max_tokens", None),
        )

    async def connect(self, llm: "AsyncLLM") -> None:
        """Take the outputs from here on."""
        from sluice.engine.vllm.direct.outputs import DirectPath
        from sluice.engine.vllm.public import is_needed
        from sluice.engine.vllm.renderer import Renderer

        self.outputs = DirectPath(llm, self.pace)
        self.outputs.start()
        self.is_processed = is_needed(llm)
        asking = asyncio.ensure_future(llm.get_supported_tasks())
        await asyncio.wait((asking, self.outputs.reading), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():  # vLLM would wait for ever
            asking.cancel()
            raise EngineFailed("the engine died")
        self.tasks = asking.result()
        self.renderer = Renderer(llm.renderer)

    def load(self, stage: Callable[[int], None]) -> "AsyncLLM":
        """Blocks for as long as loading takes; runs on a thread of its own."""
        if self.settings.model_path.startswith(("/", "./", "../")) and not os.path.isdir(self.settings.model_path):
            raise EngineFailed("there is no such folder")  # vLLM would take it for a wrong Hugging Face id
        stage(0)
        if self.device == "cpu":
            check_companions()
        self.prepare_environment()
        # Ctrl-C goes to every process of a terminal, but only this one may act on it, or nothing could be drained. The
        # processes started from here inherit the mask; multiprocessing's tracker would lift it if it started later.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        stage(1)
        config = AsyncEngineArgs(**self.arguments()).create_engine_config()
        stage(2)
        return AsyncLLM.from_vllm_config(config)

    def prepare_environment(self) -> None:
        """Defaults that vLLM reads from its environment; what the user has set stays."""
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        # Forking a process that runs an event loop and threads can leave the child with locks that nobody holds.
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        if self.device == "cpu":
            cpu.prepare_environment(self.settings)

    def arguments(self) -> dict[str, Any]:
        engine, concurrency = self.settings.engine, self.settings.traffic.concurrency
        max_num_seqs = math.ceil(concurrency / engine.workers) if concurrency else None
        named = {
            "model": self.settings.model_path,
            "served_model_name": self.settings.names,
            "dtype": engine.dtype,
            "max_model_len": engine.max_model_len,
            "max_num_seqs": max_num_seqs,
            "tensor_parallel_size": engine.tensor_parallel_size,
            "pipeline_parallel_size": engine.pipeline_parallel_size,
            "data_parallel_size": engine.workers,
        }
        if self.device == "cpu":
            named |= cpu.arguments(max_num_seqs)
        return {key: value for key, value in named.items() if value is not None} | engine.extra

    async def render(self, prompt: Prompt) -> list[int]:
        return await self.renderer.render(prompt)

    def submit(self, sequence_id: str, prompt: list[int], sampling: Sampling, receiver: Receiver) -> Sequence:
        from vllm.exceptions import VLLMClientError

        from sluice.engine.vllm.public import PublicPath

        llm = self.running
        rendered = {"type": "token", "prompt_token_ids": prompt}
        try:
            params = self.to_params(sampling)
            request = llm.input_processor.process_inputs(sequence_id, rendered, params, self.tasks)
            if self.is_processed:
                return PublicPath(llm, sequence_id, rendered, params, receiver)
            return self.outputs.add(request, receiver)
        except (VLLMClientError, ValueError) as error:
            raise InvalidRequest(one_line(error), param=getattr(error, "parameter", None)) from error
        except Exception as error:
            raise EngineFailed(
                f"The engine did not take the sequence: {one_line(error)}", code="engine_error"
            ) from error

    def to_params(self, sampling: Sampling) -> "SamplingParams":
        """What the request leaves open is taken from the model's generation_config, as `vllm serve` does."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        given = msgspec.structs.asdict(sampling)
        values = self.defaults | {name: value for name, value in given.items() if value is not None}
        values["stop"] = list(sampling.stop)
        return SamplingParams(**values, output_kind=RequestOutputKind.DELTA, skip_clone=True)

    def last_step(self) -> float:
        return self.outputs.step_at

    def is_dead(self) -> bool:
        return self.llm is not None and self.llm.errored

    def metrics(self) -> bytes:
        if self.llm is not None:
            self.outputs.record()
        vllm_only = CollectorRegistry()
        for collector in list(REGISTRY._collector_to_names):
            if any(name.startswith("vllm:") for name in REGISTRY._collector_to_names[collector]):
                vllm_only.register(collector)
        return generate_latest(vllm_only)

    @property
    def is_loading(self) -> bool:
        return self.loading is not None and not self.loading.done()

    async def stop(self) -> None:
        self.stopping = True
        if self.llm is not None:
            await self.outputs.stop()
        await asyncio.get_running_loop().run_in_executor(None, self.end)
        if self.llm is not None:
            from sluice.engine.vllm.direct.socket import close

            await close(self.llm.engine_core)

    def end(self) -> None:
        """Blocks until the engine's processes have ended. What loads fails when its processes are killed under it."""
        processes = family()
        if self.llm is not None:
            self.llm.shutdown()
            psutil.wait_procs(processes, timeout=5)
        elif self.loading is not None and self.stage == STARTING_PROCESSES:
            deadline = time.monotonic() + 10
            while self.is_loading and time.monotonic() < deadline:
                kill(family())
                wait([self.loading], timeout=0.1)
        kill(processes + family())
