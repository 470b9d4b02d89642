"""A fake engine behind the Engine protocol, for what a real one can't do on demand: hang, die, be slow."""

import asyncio
import re
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from prometheus_client.registry import Collector

from sluice.engine.base import (
    AS_IT_IS,
    Chat,
    Constraint,
    Delta,
    FinishReason,
    Loading,
    ModelInfo,
    More,
    OutputPathName,
    Pace,
    Pair,
    Pooling,
    Prompt,
    PromptLogprobs,
    Receiver,
    Rendered,
    Sampling,
    Tokenizing,
    TokenLogprob,
)
from sluice.errors import EngineDied, EngineFailed, InvalidRequest

EXITS: dict[str, Any] = {"engine": {"on_death": "exit"}}
"""Settings of a server that ends with its engine."""
CONTEXT = 4096
"""Tokens of the fake model's context; a letter of a prompt is one."""
KV_CACHE_TOKENS = 16_384
"""Those that it pretends to have room for."""

START = (2,)
"""What begins a text whose special tokens are asked for."""


@lru_cache(8)
def answer(prompt: str) -> list[str]:
    """The tokens that the fake model answers with: it counts, or says the prompt again."""
    if counting := re.search(r"[Cc]ount from (\d+) to (\d+)", prompt):
        numbers = list(range(int(counting[1]), int(counting[2]) + 1))
        return [str(numbers[0]), *(piece for number in numbers[1:] for piece in (" ", str(number))), ""]
    return [*re.findall(r"\S+\s*", prompt), ""]


SHORT = 10_000
"""Letters of a prompt that is made into tokens on the loop; a longer one is on a thread, as the real engine has it."""
BLOCK = 16
"""Tokens that are cached together."""
ANSWERS_IDS = 0x110000
"""What the ids of the answers' tokens begin with; the prompts' are their letters."""


class FakeSequence:
    """`receiver` gets a token at each of the engine's steps, from `made` on."""

    def __init__(
        self,
        engine: "FakeEngine",
        prompt: list[int],
        sampling: Sampling,
        receiver: Receiver,
        adapter: str | None = None,
    ) -> None:
        self.engine, self.sampling, self.receiver = engine, sampling, receiver
        said = "".join(map(chr, prompt))
        self.prompt, tokens = prompt, answer(said if adapter is None else f"{adapter} {said}")
        self.tokens = tokens
        self.cached_tokens, self.written_tokens = engine.cached(prompt, sampling.cache_salt)
        self.limit = sampling.max_tokens or len(tokens)
        self.made = 0
        self.can_pause = sampling.seed is None
        self.survives = not sampling.bad_words

    def step(self) -> None:
        token = self.tokens[self.made]
        self.made += 1
        last: FinishReason | None = (
            "stop" if self.made == len(self.tokens) else "length" if self.made == self.limit else None
        )
        text, stopped_by = token, next((stop for stop in self.sampling.stop if stop in token), None)
        if stopped_by is not None:
            text, last = token.partition(stopped_by)[0], "stop"
        number = self.engine.number_of(token)
        logprobs = None if self.sampling.logprobs is None else (scored(token, self.sampling.logprobs, number),)
        prompt = self.read_prompt if self.sampling.prompt_logprobs is not None and self.made == 1 else None
        more = None
        if self.sampling.wants_ids or stopped_by is not None or prompt is not None:
            more = More((number,) if self.sampling.wants_ids else (), stopped_by, prompt=prompt)
        if last:
            self.engine.drop(self)
        self.receiver.put(Delta(text, 1, last, logprobs, more))

    def read_prompt(self) -> PromptLogprobs:
        rest = (scored(chr(token), self.sampling.prompt_logprobs or 0, token) for token in self.prompt[1:])
        return PromptLogprobs(chr(self.prompt[0]), self.prompt[0], tuple(rest))

    def abort(self) -> None:
        self.engine.drop(self)

    pause = abort

    def resume(self) -> None:
        self.engine.run(self)


class FakeVector(FakeSequence):
    """One step makes a vector of the prompt: its tokens."""

    def __init__(self, engine: "FakeEngine", prompt: list[int], pooling: Pooling, receiver: Receiver) -> None:
        super().__init__(engine, prompt, Sampling(cache_salt=pooling.cache_salt), receiver)
        self.vector, self.can_pause = array("f", prompt[: pooling.dimensions]).tobytes(), False

    def step(self) -> None:
        self.engine.drop(self)
        self.receiver.put(Delta("", 0, "stop", None, More(vector=self.vector)))


def scored(token: str, most: int, number: int) -> TokenLogprob:
    top = (TokenLogprob(token + "+" * rank, -0.5, (), number + rank, rank + 1) for rank in range(max(1, most)))
    return TokenLogprob(token, -0.5, tuple(top), number, 1)


class FakeEngine:
    """Counts what it is told to; `going` can be cleared to make it hang, `die` ends it."""

    def __init__(
        self, seconds_a_token: float = 0.0, failure: str | None = None, tasks: Iterable[str] = ("generate",)
    ) -> None:
        self.seconds_a_token, self.failure, self.tasks = seconds_a_token, failure, frozenset(tasks)
        self.live: dict[FakeSequence, None] = {}
        self.peak_live = 0
        self.stepping: asyncio.Task[None] | None = None
        self.renders = 0
        self.blocks = set[tuple[str | None, tuple[int, ...]]]()
        self.numbers = dict[str, int]()
        self.going = asyncio.Event()
        self.going.set()
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.dead = self.stopped = False
        self.pace = Pace()
        self.output_path: OutputPathName = "direct"
        self.step_at = time.monotonic()

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        report(Loading(("pretending",), 1))
        await self.loaded.wait()
        if self.failure:
            raise EngineFailed(self.failure)
        return ModelInfo(max_model_len=CONTEXT, max_num_seqs=256, tasks=self.tasks, kv_cache_tokens=KV_CACHE_TOKENS)

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        self.renders += 1
        tokens = await self.tokens_of(prompt)
        if tokenizing.truncate_to is not None:
            most = CONTEXT - 1 if tokenizing.truncate_to < 0 else tokenizing.truncate_to
            tokens = tokens[:most] if tokenizing.truncation_side == "right" else tokens[max(0, len(tokens) - most) :]
        return Rendered(tokens, text="".join(map(chr, tokens)) if tokenizing.wants_text else None)

    async def tokens_of(self, prompt: Prompt) -> list[int]:
        if isinstance(prompt, list):
            return prompt
        if isinstance(prompt, Pair):
            return [len(prompt.first) + len(prompt.second)]
        text = " ".join(str(m["content"]) for m in prompt.messages) if isinstance(prompt, Chat) else prompt
        return list(map(ord, text)) if len(text) < SHORT else await asyncio.to_thread(lambda: list(map(ord, text)))

    def cached(self, prompt: list[int], salt: str | None) -> tuple[int, int]:
        """How much of a prompt one has begun with before, in blocks, and how much is new; without its last token."""
        blocks = [(salt, tuple(prompt[:end])) for end in range(BLOCK, len(prompt), BLOCK)]
        known = sum(block in self.blocks for block in blocks) * BLOCK
        self.blocks.update(blocks)
        return known, len(blocks) * BLOCK - known

    def number_of(self, token: str) -> int:
        """The id of a token of an answer."""
        return self.numbers.setdefault(token, ANSWERS_IDS + len(self.numbers))

    async def tokenize(self, prompt: Chat | str, tokenizing: Tokenizing = AS_IT_IS) -> list[int]:
        adds = tokenizing.add_special_tokens
        begins = isinstance(prompt, str) if adds is None else adds
        return [*(START if begins else ()), *await self.tokens_of(prompt)]

    async def detokenize(self, tokens: list[int]) -> str:
        if any(token >= 0x110000 for token in tokens):
            raise InvalidRequest("A token is out of the vocabulary.", param="tokens")
        return "".join(map(chr, tokens))

    async def token_strings(self, tokens: list[int]) -> list[str]:
        return list(map(chr, tokens))

    async def tokenizer_info(self) -> dict[str, Any]:
        return {"tokenizer_class": "Letters", "chat_template": "{{ messages[-1].content }}"}

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        if self.dead and sampling.bad_words:
            raise EngineDied
        if any(token >= 0x110000 for token in prompt.tokens):
            raise InvalidRequest("A token is out of the vocabulary.")
        sequence = FakeSequence(self, prompt.tokens, sampling, receiver, adapter)
        self.run(sequence)
        return sequence

    def pool(
        self, sequence_id: str, prompt: Rendered, pooling: Pooling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        if pooling.dimensions is not None and pooling.dimensions > len(prompt.tokens):
            raise InvalidRequest("There are not as many.", param="dimensions")
        sequence = FakeVector(self, prompt.tokens, pooling, receiver)
        self.run(sequence)
        return sequence

    def run(self, sequence: FakeSequence) -> None:
        self.live[sequence] = None
        self.peak_live = max(self.peak_live, len(self.live))
        if self.stepping is None:
            self.stepping = asyncio.create_task(self.step())

    def drop(self, sequence: FakeSequence) -> None:
        self.live.pop(sequence, None)
        if not self.live and self.stepping is not None and self.stepping is not asyncio.current_task():
            self.stepping.cancel()
            self.stepping = None

    async def step(self) -> None:
        """A token for all that are live, again and again while there are any; a step that is late makes none later."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.live:
            due = max(due + self.seconds_a_token, loop.time())
            await asyncio.sleep(due - loop.time())
            await self.going.wait()
            self.step_at = time.monotonic()
            if self.dead:
                break
            for sequence in list(self.live):
                if sequence in self.live:
                    sequence.step()
        self.stepping = None

    def die(self) -> None:
        """Who survives hears nothing of it."""
        self.dead = True
        for sequence in list(self.live):
            if not sequence.survives:
                self.drop(sequence)
                sequence.receiver.fail(EngineDied())

    async def recover(self, report: Callable[[Loading], None]) -> None:
        """`loaded` has to be set for it, as for the first start; `failure` may be none any more."""
        for sequence in list(self.live):  # of an engine that hung
            self.drop(sequence)
            if not sequence.survives:
                sequence.receiver.fail(EngineDied())
        await self.start(report)
        self.dead = False
        self.step_at = time.monotonic()
        self.going.set()

    def last_step(self) -> float:
        return self.step_at

    def is_dead(self) -> bool:
        return self.dead

    def kv_cache_usage(self) -> float:
        return min(1.0, sum(len(each.prompt) + each.made for each in self.live) / KV_CACHE_TOKENS)

    def metrics(self) -> Sequence[Collector]:
        return ()

    async def stop(self) -> None:
        self.stopped = True
