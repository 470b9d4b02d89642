"""vLLM's own way out, `AsyncLLM.generate()`: slower, and nothing in it is private to vLLM."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from sluice.engine.base import Delta, More, OutputPathName, Receiver, Rendered
from sluice.engine.vllm.again import Told, would_be_the_same
from sluice.engine.vllm.continuation import Continuation, Unfinished, unfinished
from sluice.engine.vllm.deltas import ended_by, salted, to_delta, to_prompt_logprobs
from sluice.errors import EngineDied, EngineFailed, InvalidRequest

if TYPE_CHECKING:
    from vllm.logprobs import PromptLogprobs
    from vllm.lora.request import LoRARequest
    from vllm.outputs import CompletionOutput, RequestOutput
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

DEATH_WAIT_S = 0.1
MOST_PROMPT_LOGPROBS = 1024
"""Tokens and alternatives of a prompt. The direct way reads them elsewhere."""


class Caller(Protocol):
    """Whose a call of vLLM's is."""

    receiver: Receiver
    survives: bool


class PublicPath:
    """A task a sequence. What vLLM refuses, it refuses there, so that the receiver hears of it."""

    name: OutputPathName = "public"

    def __init__(self, llm: "AsyncLLM") -> None:
        self.llm = llm
        self.step_at = time.monotonic()
        self.tasks: dict[asyncio.Task[None], Caller] = {}

    async def start(self) -> None:
        """Ask vLLM something: that starts its own reading, and a dead engine would never answer."""
        asking = asyncio.ensure_future(self.llm.get_supported_tasks())
        while not asking.done() and not self.llm.errored:
            await asyncio.wait((asking,), timeout=DEATH_WAIT_S)
        if self.llm.errored:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            raise EngineFailed("the engine died")
        asking.result()

    async def reconnect(self, llm: "AsyncLLM") -> None:
        self.llm, self.step_at = llm, time.monotonic()
        await self.start()

    def submit(
        self, sequence_id: str, prompt: Rendered, params: "SamplingParams", receiver: Receiver, *,
        wants_ids: bool = False, cache_salt: str | None = None, adapter: "LoRARequest | None" = None,
    ) -> "PublicSequence":  # fmt: skip
        if params.prompt_logprobs is not None:
            check_prompt_logprobs(len(prompt.tokens) * (params.prompt_logprobs + 1))
        return PublicSequence(
            self, sequence_id, prompt, params, receiver, wants_ids=wants_ids, cache_salt=cache_salt, adapter=adapter
        )  # fmt: skip

    def record(self) -> None:
        """vLLM does so itself."""

    async def stop(self) -> None:
        """Who cannot go on with another vLLM hears of it."""
        for task, sequence in self.tasks.items():
            task.cancel()
            if not sequence.survives:
                sequence.receiver.fail(EngineDied())
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def run(self, sequence: Caller, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """A call of vLLM's, until it has ended or is cancelled. What survives hears nothing of the engine's death."""

        async def watched() -> None:
            try:
                await work()
            except Exception as error:
                if not self.llm.errored:
                    sequence.receiver.fail(ended_by(error))
                elif not sequence.survives:
                    sequence.receiver.fail(EngineDied())

        task = asyncio.create_task(watched())
        self.tasks[task] = sequence
        task.add_done_callback(self.tasks.pop)
        return task

    async def close(self) -> None:
        """There is no public way to zmq's context, which vLLM leaves open, with its threads, until the process ends."""


def check_prompt_logprobs(entries: int) -> None:
    """Raises InvalidRequest for more than vLLM, which reads them on the event loop, reads in a moment."""
    if entries > MOST_PROMPT_LOGPROBS:
        raise InvalidRequest(
            f"The logprobs of this prompt are {entries}: with engine.output_path: public, {MOST_PROMPT_LOGPROBS} are "
            "the most.",
            param="prompt_logprobs",
        )


class PublicSequence:
    """One call of `generate()`, and another one after each pause."""

    def __init__(
        self, path: PublicPath, name: str, prompt: Rendered, params: "SamplingParams", receiver: Receiver, *,
        wants_ids: bool, cache_salt: str | None, adapter: "LoRARequest | None",
    ) -> None:  # fmt: skip
        self.path, self.name, self.params, self.receiver, self.wants_ids = path, name, params, receiver, wants_ids
        self.prompt, self.more, self.salt, self.adapter = prompt.tokens, prompt.more, salted(cache_salt), adapter
        self.tokenizer: Any = getattr(path.llm.renderer.tokenizer, "backend_tokenizer", None)
        # A pause loses the state of a generator of its own, and makes of the answer a prompt, which is not penalized,
        # in which no stop string is looked for, and of which the logprobs know nothing.
        self.can_pause = self.tokenizer is not None and not (
            params.seed is not None
            or params.presence_penalty
            or params.frequency_penalty
            or params.stop
            or params.num_logprobs is not None
            or params.prompt_logprobs is not None
            or params.structured_outputs is not None
            or params.bad_words
            or params.thinking_token_budget is not None
            or not params.skip_special_tokens
            or params.include_stop_str_in_output
        )
        self.survives = self.can_pause or would_be_the_same(params)
        self.cached_tokens = self.written_tokens = 0
        self.tokens: list[int] = []
        self.pauses, self.has_ended = 0, False
        self.continuation: Continuation | None = None
        self.characters = 0
        self.told, self.told_characters = Told(()), 0
        self.unfinished = Unfinished("" if self.tokenizer is None else unfinished(self.tokenizer, self.prompt))
        self.generate(name, self.prompt, params)

    def generate(self, name: str, prompt: list[int], params: "SamplingParams") -> None:
        rendered: Any = {"type": "token", "prompt_token_ids": prompt} | self.salt
        reasoning = {key: value for key, value in self.more.items() if key != "params"}
        outputs = self.path.llm.generate(rendered, params, name, lora_request=self.adapter, **reasoning)
        self.task = self.path.run(self, lambda: self.read(outputs))

    async def read(self, outputs: "AsyncGenerator[RequestOutput, None]") -> None:
        async with aclosing(outputs):
            async for output in outputs:
                self.path.step_at = time.monotonic()
                if not self.pauses:
                    self.cached_tokens = output.num_cached_tokens or 0
                    self.written_tokens = (
                        getattr(output, "num_cache_creation_tokens", None) or 0
                    )  # older ones do not tell
                if self.is_new(output.outputs[0]):
                    scored = None if self.told.tokens else output.prompt_logprobs
                    self.receiver.put(self.take(output.outputs[0], scored))

    def is_new(self, output: "CompletionOutput") -> bool:
        """Whether any of it is: what the receiver knows is taken off. Raises EngineDied if that is another answer."""
        known = self.told.count(output.token_ids)
        if known:
            output.token_ids = list(output.token_ids)[known:]
            if output.logprobs is not None:
                output.logprobs = output.logprobs[known:]
        if self.told_characters:
            cut = min(self.told_characters, len(output.text))
            output.text, self.told_characters = output.text[cut:], self.told_characters - cut
        if output.finish_reason is not None and not self.told.is_over:
            raise EngineDied
        return bool(output.token_ids or output.finish_reason is not None)

    def take(self, output: "CompletionOutput", scored: "PromptLogprobs | None") -> Delta:
        """`scored`: what vLLM has for each token of the prompt, which comes once."""
        new = list(output.token_ids)
        self.tokens += new
        self.characters += len(output.text)
        delta = to_delta(output)
        if self.wants_ids or output.stop_reason is not None or scored:
            prompt = None
            if scored:
                first = self.path.llm.renderer.get_tokenizer().decode(self.prompt[:1])
                prompt = partial(to_prompt_logprobs, first, self.prompt, scored)
            ids = tuple(new) if self.wants_ids else ()
            delta = replace(delta, more=More(ids, output.stop_reason, prompt=prompt))
        self.has_ended = delta.finish_reason is not None
        if self.continuation is None:
            return replace(delta, text=self.unfinished.beyond(delta.text)) if self.unfinished.text else delta
        written = new[:-1] if delta.finish_reason == "stop" else new  # the token that ended it is not
        return replace(delta, text=self.continuation.decode(written))

    def abort(self) -> None:
        self.task.cancel()

    pause = abort

    def resume(self) -> None:
        """Ask for the rest, with what there is for a prompt. Or for all again."""
        if self.has_ended:  # several tokens may have come together, the last one among them
            return
        made = len(self.tokens)
        self.pauses += 1
        if not self.can_pause:
            self.told, self.told_characters = Told(self.tokens), self.characters
            self.generate(f"{self.name}-{self.pauses}", self.prompt, self.params)
            return
        self.continuation = Continuation(self.tokenizer, self.prompt, self.tokens)
        rest = copy(self.params)
        if self.params.max_tokens is not None:
            rest.max_tokens = self.params.max_tokens - made
        rest.min_tokens = max(0, self.params.min_tokens - made)
        self.generate(f"{self.name}-{self.pauses}", [*self.prompt, *self.tokens], rest)
