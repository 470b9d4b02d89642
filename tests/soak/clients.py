"""The soak's clients: each asks again and again, through a network that may harm it, and looks at what it gets."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import httpx

from tests.proxy import Harm, Proxy
from tests.soak.asks import Ask, Wrong, draw, is_refusal

PATIENCE_S = 300.0
"""For one answer: one that takes longer is stuck."""
LONGEST_PAUSE_S = 5.0
"""Of a client that was refused, whatever it was told, so that the load stays."""


@dataclass
class Tally:
    """`outcomes`: complete, refused, harmed, and what should not be. `wrong`: words for that.

    `arrivals`: of the complete streams, when something of their answers came, in seconds of `time.monotonic`.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    arrivals: list[list[float]] = field(default_factory=list)

    def gap_over(self, moment: float, seconds: float) -> float:
        """Seconds for which the stream that waited longest got nothing, of those under way in these."""
        pairs = (pair for times in self.arrivals for pair in pairwise(times))
        over = moment + seconds
        return max((after - before for before, after in pairs if before < over and after > moment), default=0.0)


def harm(random: Random) -> Harm:
    """Half of the connections are whole."""
    after = random.choice((0, 200, 2000, 20_000))
    if random.random() < 0.5:
        return Harm()
    name = random.choice(("reset", "hang up", "half-close", "stall", "trickle"))
    return Harm(name, after, random.uniform(0.5, 3) if name == "stall" else random.uniform(0, 0.05))  # type: ignore[arg-type]


class Client:
    def __init__(self, host: str, port: int, random: Random, tally: Tally) -> None:
        self.host, self.port, self.random, self.tally = host, port, random, tally

    async def ask_until(self, over: asyncio.Event) -> None:
        while not over.is_set():
            ask, harmed = draw(self.random), harm(self.random)
            pause = 0.0
            try:
                async with asyncio.timeout(PATIENCE_S), Proxy(self.host, self.port, harmed) as url:
                    pause = await self.ask(url, ask, harmed)
            except TimeoutError:
                self.note_wrong("stuck", f"{ask} {harmed}: nothing after {PATIENCE_S:.0f} s")
            except Wrong as wrong:
                self.note_wrong("wrong", f"{ask} {harmed}: {wrong}")
            except httpx.TransportError as error:
                if harmed.is_survived:
                    self.note_wrong("cut", f"{ask} {harmed}: {error!r}")
                else:
                    self.tally.outcomes["harmed"] += 1
            if pause:
                await asyncio.sleep(min(pause, LONGEST_PAUSE_S))

    def note_wrong(self, outcome: str, words: str) -> None:
        self.tally.outcomes[outcome] += 1
        self.tally.wrong.append(words)

    async def ask(self, url: str, ask: Ask, harmed: Harm) -> float:
        """Seconds to wait before the next. Raises Wrong and httpx's errors."""
        arrivals, text = list[float](), ""
        async with (
            httpx.AsyncClient(base_url=url, timeout=None) as client,
            client.stream("POST", ask.path, json=ask.body) as answer,
        ):
            async for piece in answer.aiter_text():
                if piece != ": ping\n\n":
                    arrivals.append(time.monotonic())
                text += piece
        if is_refusal(answer):
            self.tally.outcomes[f"refused with {answer.status_code}"] += 1
            return float(answer.headers["retry-after"])
        if answer.status_code != 200:
            raise Wrong(f"{answer.status_code} {text[:300]!r}")
        ask.check(text)
        self.tally.outcomes["complete"] += 1
        if ask.is_streamed and harmed.name == "none":
            self.tally.arrivals.append(arrivals)
        return 0.0
