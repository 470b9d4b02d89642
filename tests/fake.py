"""A fake engine behind the Engine protocol, for what a real one can't do on demand: hang, die, be slow."""

import asyncio
import re
import time
from array import array
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.registry import Collector

from sluice.engine.base import (
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
    Receiver,
    Rendered,
    Sampling,
    TokenLogprob,
)
from sluice.errors import EngineDied, EngineFailed, InvalidRequest

CONTEXT = 4096
"""Tokens of the fake model's context; a letter of a prompt is one."""

START = (2,)
"""What begins a text whose special tokens are asked for."""


def answer(prompt: str) -> list[str]:
    """The tokens that the fake model answers with: it counts, or says the prompt again."""
    if counting := re.search(r"[Cc]ount from (\d+) to (\d+)", prompt):
        numbers = list(range(int(counting[1]), int(counting[2]) + 1))
        return [str(numbers[0]), *(piece for number in numbers[1:] for piece in (" ", str(number))), ""]
    return [*re.findall(r"\S+\s*", prompt), ""]


class FakeSequence:
    """`receiver` gets a token at each of the engine's steps, from `made` on."""

    cached_tokens = 0

    def __init__(self, engine: "FakeEngine", tokens: list[str], sampling: Sampling, receiver: Receiver) -> None:
        self.engine, self.tokens, self.sampling, self.receiver = engine, tokens, sampling, receiver
        self.limit = sampling.max_tokens or len(tokens)
        self.made = 0
        self.can_pause = sampling.seed is None

    def step(self) -> None:
        token = self.tokens[self.made]
        self.made += 1
        last: FinishReason | None = (
            "stop" if self.made == len(self.tokens) else "length" if self.made == self.limit else None
        )
        top = tuple(TokenLogprob(token + "+" * rank, -0.5) for rank in range(max(1, self.sampling.logprobs or 0)))
        logprobs = (TokenLogprob(token, -0.5, top),)
        if last:
            self.engine.drop(self)
        more = More((self.made,)) if self.sampling.wants_ids else None
        self.receiver.put(Delta(token, 1, last, logprobs if self.sampling.logprobs is not None else None, more))

    def abort(self) -> None:
        self.engine.drop(self)

    pause = abort

    def resume(self) -> None:
        self.engine.run(self)


class FakeVector(FakeSequence):
    """One step makes a vector of the prompt: its tokens."""

    def __init__(self, engine: "FakeEngine", tokens: list[int], receiver: Receiver) -> None:
        super().__init__(engine, [""], Sampling(), receiver)
        self.vector, self.can_pause = array("f", tokens).tobytes(), False

    def step(self) -> None:
        self.engine.drop(self)
        self.receiver.put(Delta("", 0, "stop", None, More(vector=self.vector)))


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
        self.going = asyncio.Event()
        self.going.set()
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.dead = self.stopped = False
        self.pace = Pace()
        self.output_path: OutputPathName = "direct"
        self.step_at = time.monotonic()

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        report(Loading("pretending", 1, 1))
        await self.loaded.wait()
        if self.failure:
            raise EngineFailed(self.failure)
        return ModelInfo(max_model_len=CONTEXT, max_num_seqs=256, tasks=self.tasks)

    async def render(self, prompt: Prompt, constraint: Constraint | None = None) -> Rendered:
        self.renders += 1
        if isinstance(prompt, list):
            return Rendered(prompt)
        if isinstance(prompt, Pair):
            return Rendered([len(prompt.first) + len(prompt.second)])
        text = " ".join(str(m["content"]) for m in prompt.messages) if isinstance(prompt, Chat) else prompt
        return Rendered([ord(letter) for letter in text])

    async def tokenize(self, prompt: Chat | str, add_special_tokens: bool) -> list[int]:
        return [*(START if add_special_tokens else ()), *(await self.render(prompt)).tokens]

    async def detokenize(self, tokens: list[int]) -> str:
        if any(token >= 0x110000 for token in tokens):
            raise InvalidRequest("A token is out of the vocabulary.", param="tokens")
        return "".join(map(chr, tokens))

    async def token_strings(self, tokens: list[int]) -> list[str]:
        return list(map(chr, tokens))

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        if self.dead:
            raise EngineDied
        if any(token >= 0x110000 for token in prompt.tokens):
            raise InvalidRequest("A token is out of the vocabulary.")
        said = "".join(map(chr, prompt.tokens))
        text = said if adapter is None else f"{adapter} {said}"
        sequence = FakeSequence(self, answer(text), sampling, receiver)
        self.run(sequence)
        return sequence

    def pool(
        self, sequence_id: str, prompt: Rendered, pooling: Pooling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        if pooling.dimensions is not None and pooling.dimensions > len(prompt.tokens):
            raise InvalidRequest("There are not as many.", param="dimensions")
        sequence = FakeVector(self, prompt.tokens[: pooling.dimensions], receiver)
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
            for sequence in list(self.live):
                if self.dead:
                    self.drop(sequence)
                    sequence.receiver.fail(EngineDied())
                elif sequence in self.live:
                    sequence.step()
        self.stepping = None

    def die(self) -> None:
        self.dead = True
        self.going.set()

    def last_step(self) -> float:
        return self.step_at

    def is_dead(self) -> bool:
        return self.dead

    def metrics(self) -> Sequence[Collector]:
        return ()

    async def stop(self) -> None:
        self.stopped = True
