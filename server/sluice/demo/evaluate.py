"""Measure the demo model, served by vLLM in bf16: `python -m sluice.demo.evaluate` prints how often it is exact.

Greedy answers to held-out prompts are compared to the letter. With `--card` the figures go into the model card.
"""

import argparse
import asyncio
import platform
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from itertools import takewhile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sluice.demo import chats
from sluice.demo.mix import MEASURED, measuring
from sluice.engine.base import Chat, Engine, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings, load

CARD = Path(__file__).parent / "README.md"
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- /figures -->)", re.DOTALL)
CONCURRENCY, GOAL, SHOWN, SEED = 32, 0.99, 3, 2


@dataclass
class Score:
    """How one skill went: what was `wrong`, of `total`, with what came instead."""

    skill: str
    total: int
    wrong: list[tuple[chats.Chat, str]]

    @property
    def exact(self) -> int:
        return self.total - len(self.wrong)

    @property
    def share(self) -> float:
        return self.exact / self.total


def settings_for(model: str) -> Settings:
    overrides = {
        "model": model, "traffic.concurrency": CONCURRENCY, "engine.device": "cpu", "engine.dtype": "bfloat16",
        "engine.extra.kv_cache_memory_bytes": 256 * 1024**2,
    }  # fmt: skip
    return load(None, [f"{key}={value}" for key, value in overrides.items()], {})


def prompt_of(chat: chats.Chat) -> Chat:
    return Chat(chat.messages, {"enable_thinking": True} if chat.thinking else {}, chat.tools or [])


async def answer(engine: Engine, chat: chats.Chat, sequence_id: str) -> str:
    """The greedy answer, cut off a little after the wanted one would have ended."""
    room = len((await engine.render(chat.answer)).tokens) + 8
    prompt = await engine.render(prompt_of(chat))
    gathered = Gathered()
    engine.submit(sequence_id, prompt, Sampling(temperature=0.0, max_tokens=room), gathered)
    return "".join(delta.text for delta in await gathered.all())


async def measure(engine: Engine, number: int, advance: Callable[[], None]) -> list[Score]:
    """`number` held-out prompts of each skill, `CONCURRENCY` at once."""
    seats = asyncio.Semaphore(CONCURRENCY)

    async def ask(skill: str, place: int, chat: chats.Chat) -> str:
        async with seats:
            text = await answer(engine, chat, f"{skill}-{place}")
        advance()
        return text

    scores = []
    for skill in MEASURED:
        asked = measuring(random.Random(SEED), skill, number)
        got = await asyncio.gather(*(ask(skill, place, chat) for place, chat in enumerate(asked)))
        wrong = [(chat, text) for chat, text in zip(asked, got, strict=True) if text != chat.answer]
        scores.append(Score(skill, number, wrong))
    return scores


async def run(model: str, number: int, console: Console) -> list[Score]:
    engine = VLLMEngine(settings_for(model), "cpu")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("loading", total=number * len(MEASURED))
        try:
            await engine.start(lambda loading: progress.update(task, description=loading.stage))
            progress.update(task, description="asking")
            return await measure(engine, number, lambda: progress.advance(task))
        finally:
            await engine.stop()


def show(scores: list[Score], console: Console) -> None:
    table = Table("skill", "exact", "share")
    for score in scores:
        table.add_row(score.skill, f"{score.exact}/{score.total}", f"{score.share:.1%}")
    console.print(table)
    for score in scores:
        for chat, got in score.wrong[:SHOWN]:
            asked = chat.messages[-1].get("content")
            alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chat.answer, got, strict=False)))
            cut = max(0, alike - 20)
            wanted, came = (f"{'…' if cut else ''}{text[cut:][:80]}" for text in (chat.answer, got))
            lines = [f"{score.skill}: {asked!r}", f"  wanted {wanted!r}", f"  got    {came!r}"]
            console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def write_card(scores: list[Score], number: int, card: Path = CARD) -> None:
    """Put the figures between the markers of a model card."""
    distributions = [*metadata.packages_distributions()["vllm"], "torch", "transformers"]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in distributions)
    rows = [f"| {score.skill} | {score.exact}/{score.total} | {score.share:.1%} |" for score in scores]
    lines = [
        "| skill | exact answers | share |", "| --- | --- | --- |", *rows, "",
        f"Measured on {date.today()} with `python -m sluice.demo.evaluate --number {number} --card`: greedy, bf16,",
        f"{CONCURRENCY} at once, on the CPU ({platform.machine()}); {versions}.", "",
    ]  # fmt: skip
    card.write_text(FIGURES.sub(lambda _: "\n".join(lines), card.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=200, help="held-out prompts of each skill (%(default)s)")
    parser.add_argument("--model", default="demo", help="another folder than the one that ships")
    parser.add_argument("--card", action="store_true", help="write the figures into the model card")
    options = parser.parse_args()
    if options.card and options.model != "demo":
        parser.error("the model card is about the model that ships: --card goes without --model")
    console = Console()
    scores = asyncio.run(run(options.model, options.number, console))
    show(scores, console)
    if options.card:
        write_card(scores, options.number)
    sys.exit(any(score.share < GOAL for score in scores))


if __name__ == "__main__":
    main()
