"""vLLM's AsyncLLM behind the Engine protocol."""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from sluice.engine.base import (
    AS_IT_IS,
    Chat,
    Constraint,
    EngineSequence,
    Loading,
    ModelInfo,
    OutputPathName,
    Pace,
    Pair,
    Pooling,
    Prompt,
    Receiver,
    Rendered,
    Sampling,
    Tokenizing,
)
from sluice.engine.devices import Device
from sluice.engine.vllm.adapters import requests
from sluice.engine.vllm.cause import failure
from sluice.engine.vllm.child_logs import ChildLogs
from sluice.engine.vllm.launch import Launch
from sluice.engine.vllm.milestones import Milestones
from sluice.engine.vllm.output_path import OutputPath
from sluice.engine.vllm.processes import left_behind
from sluice.engine.vllm.spare import Loaded, Spare
from sluice.errors import EngineFailed, InvalidRequest, SettingsError, one_line
from sluice.settings import Settings
from sluice.stderr import tell

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    from sluice.engine.vllm.pairs import Pairs
    from sluice.engine.vllm.parsing import Parsing
    from sluice.engine.vllm.renderer import Renderer


LISTS = ("stop", "stop_token_ids", "bad_words", "allowed_token_ids", "logprob_token_ids")
"""Of vLLM's sampling parameters."""


class VLLMEngine:
    """Starts, feeds and stops vLLM as the settings say. `misfit`: why its outputs don't come the direct way.

    `debug`: tell all that its processes say while they start, and where it failed if it does.
    """

    def __init__(self, settings: Settings, device: Device, debug: bool = False) -> None:
        self.settings, self.debug = settings, debug
        self.launch = Launch(settings, device)
        self.llm: AsyncLLM | None = None
        self.path: OutputPath | None = None
        self.misfit: str | None = None
        self.defaults: dict[str, Any] = {}
        self.pace = Pace()
        self.adapters: dict[str, LoRARequest] = {}
        self.spare: Spare | None = None
        self.collectors: list[Collector] = []
        self.pairs: Pairs | None = None
        self.renderer: Renderer
        self.parsing: Parsing

    @property
    def running(self) -> "AsyncLLM":
        assert self.llm is not None, "the engine has not started"
        return self.llm

    @property
    def output_path(self) -> OutputPathName | None:
        return None if self.path is None else self.path.name

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        if left := await asyncio.to_thread(left_behind):
            pids = " ".join(str(process.pid) for process in left)
            tell(f"A server that has ended has left its engine, with all its memory. To end that, too: kill -9 {pids}")
        await self.load(self.launch, report)
        if self.launch.warning is not None:
            tell(self.launch.warning)
        if self.misfit is not None:
            if self.settings.engine.output_path == "direct":
                raise EngineFailed(f"engine.output_path: direct does not fit: {self.misfit}")
            tell(f"engine.output_path: public, as direct does not fit: {self.misfit}")
        if self.renderer.misfit is not None:
            tell(f"engine.special_tokens_in_text: token, as text does not fit: {self.renderer.misfit}")
        config = self.running.vllm_config
        self.defaults = config.model_config.get_diff_sampling_param()
        self.begin_spare()
        return ModelInfo(
            max_model_len=config.model_config.max_model_len,
            max_num_seqs=config.scheduler_config.max_num_seqs * self.settings.engine.workers,
            max_tokens=self.defaults.pop("max_tokens", None),
            tasks=await self.find_tasks(),
            kv_cache_tokens=(config.cache_config.num_gpu_blocks or 0) * config.cache_config.block_size or None,
        )

    async def find_tasks(self) -> frozenset[str]:
        """vLLM's; and a model scores whose classes are one."""
        tasks = frozenset(await self.running.get_supported_tasks())
        if "classify" in tasks and self.running.model_config.hf_config.num_labels == 1:
            from sluice.engine.vllm.pairs import Pairs

            self.pairs = Pairs(self.renderer)
            return tasks | {"score"}
        return tasks

    async def load(
        self, launch: Launch, report: Callable[[Loading], None], *, connects: bool = True, serving: bool = False
    ) -> Loaded:
        """One vLLM, which has its place then unless that is taken (`connects`).

        Raises EngineFailed, with the engine's own words for it, and SettingsError.
        """
        loop = asyncio.get_running_loop()
        milestones = Milestones(lambda loading: loop.call_soon_threadsafe(report, loading))

        def heard(line: str) -> bool:
            launch.heard(line)
            return milestones.heard(line)

        with ChildLogs(serving or self.debug, heard) as logs:
            try:
                loaded = await self.prepare(await launch.load(report, logs.pipe, milestones.told))
                if connects:
                    await self.connect(launch, loaded)
            except Exception as error:
                if self.debug:
                    traceback.print_exc()
                if isinstance(error, SettingsError):
                    raise
                raise failure(logs.cause() or one_line(error), self.settings) from error
            finally:
                milestones.is_over = True
        logs.forward()
        return loaded

    async def prepare(self, llm: "AsyncLLM") -> Loaded:
        from sluice.engine.vllm.renderer import Renderer

        pools = llm.vllm_config.model_config.runner_type == "pooling"
        are_text = self.settings.engine.special_tokens_in_text == "text" and not pools
        renderer = await asyncio.to_thread(Renderer, llm.renderer, are_text)
        names = REGISTRY._collector_to_names.items()
        collectors = [collector for collector, names in names if any(name.startswith("vllm:") for name in names)]
        return Loaded(llm, renderer, await asyncio.to_thread(self.find_parsers, llm, renderer), collectors)

    async def connect(self, launch: Launch, loaded: Loaded) -> None:
        """Take the outputs from here on."""
        from sluice.engine.vllm.probe import choose
        from sluice.engine.vllm.public import PublicPath

        self.adapters = requests(self.settings)
        self.launch, (self.llm, self.renderer, self.parsing, self.collectors) = launch, loaded
        if self.path is not None:
            await self.path.reconnect(loaded.llm)
        elif loaded.llm.vllm_config.model_config.runner_type == "pooling":
            self.path = PublicPath(loaded.llm)
            await self.path.start()
        else:
            output_path = self.settings.engine.output_path
            self.path, self.misfit = await choose(loaded.llm, output_path, self.pace, self.renderer)

    async def recover(self, report: Callable[[Loading], None]) -> None:
        await self.end()
        spare, self.spare = self.spare, None
        loaded = None if spare is None else await spare.take()
        if spare is not None and loaded is not None:
            await self.connect(spare.launch, loaded)
        else:
            self.launch = Launch(self.settings, self.launch.device)
            await self.load(self.launch, report, serving=True)
        self.begin_spare()

    def begin_spare(self) -> None:
        """Have one loaded, if there is to be one."""
        if self.settings.engine.spare:
            launch = Launch(self.settings, self.launch.device)
            self.spare = Spare(
                launch, lambda launch: self.load(launch, lambda loading: None, connects=False, serving=True)
            )

    def find_parsers(self, llm: "AsyncLLM", renderer: "Renderer") -> "Parsing":
        from sluice.engine.vllm.parsing import Parsing

        return Parsing(llm.vllm_config, llm.renderer.tokenizer, *self.settings.parsers, renderer.write)

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        if isinstance(prompt, Pair):
            assert self.pairs is not None, "the model does not score"
            return await self.pairs.render(prompt)
        tokens = await self.renderer.render(prompt, tokenizing)
        rendered = Rendered(tokens)
        if self.parsing.needs(prompt, constraint):
            rendered = await asyncio.to_thread(self.parsing.prepare, prompt, tokens, constraint)
        if tokenizing.wants_text:
            rendered = msgspec.structs.replace(rendered, text=self.renderer.text_of(prompt, tokenizing, tokens))
        return rendered

    async def tokenize(self, prompt: Chat | str, tokenizing: Tokenizing = AS_IT_IS) -> list[int]:
        return await self.renderer.tokenize(prompt, tokenizing)

    async def detokenize(self, tokens: list[int]) -> str:
        return await self.renderer.detokenize(tokens)

    async def token_strings(self, tokens: list[int]) -> list[str]:
        return await asyncio.to_thread(self.renderer.vllm.tokenizer.convert_ids_to_tokens, tokens)

    async def tokenizer_info(self) -> dict[str, Any]:
        from sluice.engine.vllm.tokenizer import info

        return await asyncio.to_thread(info, self.renderer.vllm.tokenizer)

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> EngineSequence:
        from sluice.engine.vllm.deltas import ended_by
        from sluice.engine.vllm.reason import brief

        assert self.path is not None, "the engine has not started"
        try:
            return self.path.submit(
                sequence_id, prompt, self.to_params(sampling, prompt), receiver,
                wants_ids=sampling.wants_ids, cache_salt=sampling.cache_salt,
                adapter=None if adapter is None else self.adapters[adapter],
            )  # fmt: skip
        except ValueError as error:
            raise InvalidRequest(brief(error), param=getattr(error, "parameter", None)) from error
        except Exception as error:
            raise ended_by(error) from error

    def to_params(self, sampling: Sampling, prompt: Rendered) -> "SamplingParams":
        """What the request leaves open is taken from the model's generation_config, as `vllm serve` does."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        from sluice.engine.vllm.held_params import HeldParams

        given = msgspec.structs.asdict(sampling)
        del given["constraint"], given["wants_ids"], given["cache_salt"]
        values = self.defaults | {name: value for name, value in given.items() if value is not None}
        for name in LISTS:
            if name in values:
                values[name] = list(values[name])
        if own := self.defaults.get("stop_token_ids"):  # of the model, such as the end of a call
            values["stop_token_ids"] = list(dict.fromkeys((*sampling.stop_token_ids, *own)))
        if sampling.logprob_token_ids is not None:
            values["logprobs"] = None
        values |= prompt.more.get("params", {})
        kind = HeldParams if "structured_outputs" in values else SamplingParams
        return kind(**values, output_kind=RequestOutputKind.DELTA, skip_clone=True)

    def pool(
        self, sequence_id: str, prompt: Rendered, pooling: Pooling, receiver: Receiver, adapter: str | None = None
    ) -> EngineSequence:
        from vllm.exceptions import VLLMClientError
        from vllm.pooling_params import PoolingParams

        from sluice.engine.vllm.pooled import PooledSequence
        from sluice.engine.vllm.public import PublicPath
        from sluice.engine.vllm.reason import brief

        assert isinstance(self.path, PublicPath), "the model does not pool"
        given = msgspec.structs.asdict(pooling)
        del given["cache_salt"]
        params = PoolingParams(**given, extra_kwargs=prompt.more.get("extra"))
        try:
            params.verify(self.running.model_config)
        except (ValueError, VLLMClientError) as error:
            raise InvalidRequest(brief(error), param="dimensions") from error
        lora = None if adapter is None else self.adapters[adapter]
        return PooledSequence(
            self.path, sequence_id, prompt, params, receiver, cache_salt=pooling.cache_salt, adapter=lora
        )

    def last_step(self) -> float:
        assert self.path is not None, "the engine has not started"
        return self.path.step_at

    def is_dead(self) -> bool:
        return self.llm is not None and self.llm.errored

    def kv_cache_usage(self) -> float | None:
        """The mean of the workers', as their last steps told it."""
        if self.path is not None:
            self.path.record()
        named = (each for each in self.collectors if getattr(each, "_name", None) == "vllm:kv_cache_usage_perc")
        samples = [sample.value for gauge in named for metric in gauge.collect() for sample in metric.samples]
        return sum(samples) / len(samples) if samples else None

    def metrics(self) -> Sequence[Collector]:
        if self.path is not None:
            self.path.record()
        return self.collectors

    async def stop(self) -> None:
        self.launch.stopping = True
        if self.spare is not None:
            await self.spare.end()
        await self.end()

    async def end(self) -> None:
        """Of all of its processes."""
        llm, self.llm = self.llm, None
        if llm is not None and self.path is not None:
            await self.path.stop()
        await asyncio.get_running_loop().run_in_executor(None, self.launch.end, llm)
        if llm is not None and self.path is not None:
            await self.path.close()
