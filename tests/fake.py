"""A fake engine behind the Engine protocol, for what a real one can't do on demand: hang, die, be slow."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import Self

from server.engine.base import Chat, Delta, Loading, ModelInfo, Prompt, Sampling, TokenLogprob
from server.errors import EngineFailed, InvalidRequest


def answer(prompt: str) -> list[str]:
    """The tokens that the fake model answers with: it counts, or says the prompt again."""
    if counting := re.search(r"[Cc]ount from (\d+) to (\d+)", prompt):
        numbers = list(range(int(counting[1]), int(counting[2]) + 1))
        return [str(numbers[0]), *(piece for number in numbers[1:] for piece in (" ", str(number))), ""]
    return [*re.findall(r"\S+\s*", prompt), ""]


class FakeStream:
    def __init__(self, engine: "FakeEngine", tokens: list[str], sampling: Sampling) -> None:
        self.engine, self.sampling = engine, sampling
        self.tokens = tokens
        self.deltas = self.generate()
        engine.live.add(self)
        engine.peak_live = max(engine.peak_live, len(engine.live))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        try:
            return await anext(self.deltas)
        except StopAsyncIteration:
            self.engine.live.discard(self)
            raise

    async def generate(self) -> AsyncGenerator[Delta, None]:
        limit = self.sampling.max_tokens or len(self.tokens)
        for number, token in enumerate(self.tokens[:limit], 1):
            await asyncio.sleep(self.engine.seconds_a_token)
            await self.engine.going.wait()
            if self.engine.dead:
                raise EngineFailed("The engine ended the sequence: it died", code="engine_error")
            self.engine.step_at = time.monotonic()
            last = "stop" if number == len(self.tokens) else "length" if number == limit else None
            logprobs = (TokenLogprob(token, -0.5, (TokenLogprob(token, -0.5),)),)
            if last:
                self.engine.live.discard(self)
            yield Delta(token, 1, last, logprobs if self.sampling.logprobs is not None else None)  # type: ignore[arg-type]

    async def close(self) -> None:
        self.engine.live.discard(self)
        await self.deltas.aclose()


class FakeEngine:
    """Counts what it is told to; `going` can be cleared to make it hang, `die` ends it."""

    def __init__(self, seconds_a_token: float = 0.0, failure: str | None = None) -> None:
        self.seconds_a_token, self.failure = seconds_a_token, failure
        self.live: set[FakeStream] = set()
        self.peak_live = 0
        self.renders = 0
        self.going = asyncio.Event()
        self.going.set()
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.dead = self.stopped = False
        self.step_at = time.monotonic()

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        report(Loading("pretending", 1, 1))
        await self.loaded.wait()
        if self.failure:
            raise EngineFailed(self.failure)
        return ModelInfo(max_model_len=4096, max_num_seqs=256)

    async def render(self, prompt: Prompt) -> list[int]:
        self.renders += 1
        if isinstance(prompt, list):
            return prompt
        text = " ".join(str(m["content"]) for m in prompt.messages) if isinstance(prompt, Chat) else prompt
        return [ord(letter) for letter in text]

    async def submit(self, sequence_id: str, prompt: list[int], sampling: Sampling) -> FakeStream:
        if self.dead:
            raise EngineFailed("The engine did not take the sequence: it is dead", code="engine_error")
        if any(token >= 0x110000 for token in prompt):
            raise InvalidRequest("A token is out of the vocabulary.")
        return FakeStream(self, answer("".join(map(chr, prompt))), sampling)

    def die(self) -> None:
        self.dead = True
        self.going.set()

    def last_step(self) -> float:
        return self.step_at

    def is_dead(self) -> bool:
        return self.dead

    def metrics(self) -> bytes:
        return b""

    async def stop(self) -> None:
        self.stopped = True
