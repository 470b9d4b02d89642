"""Rounds that take turns between the servers; `sluice.bench.frontend` tells the method."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sluice.bench.frontend.contenders import Contender
from sluice.bench.frontend.figures import Figures
from sluice.bench.frontend.plan import Answers, Plan
from sluice.bench.frontend.process import Process
from sluice.bench.frontend.server import Server
from sluice.errors import BenchFailed

WARM_UP = 3.0
"""Seconds that each load of the first round takes at most."""


@dataclass(frozen=True)
class Round:
    number: int
    answers: Answers
    figures: dict[str, Figures]
    """By the servers' names, in the order in which they were measured."""


@dataclass
class Measured:
    plan: Plan
    servers: list[Contender] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    interrupted: bool = False

    @property
    def loads(self) -> list[Answers]:
        """Those that there are figures of."""
        return [answers for answers in self.plan.loads if self.of(answers)]

    def of(self, answers: Answers) -> list[Round]:
        return [one for one in self.rounds if one.answers == answers]


async def measure(
    plan: Plan, contenders: Sequence[Contender], logs: Path, stop: asyncio.Event,
    *, say: Callable[[str], object], tell: Callable[[str], object],
) -> Measured:  # fmt: skip
    """Until all is measured, or `stop`. `say` gets each step, and `tell` what is left out, and why.

    Raises BenchFailed if that gives no figures. No server is left running, whatever happens.
    """
    measured = Measured(plan)
    with ExitStack() as running:
        servers = []
        for contender in contenders:
            if stop.is_set():
                break
            with ExitStack() as starting:
                try:
                    process = starting.enter_context(Process(contender, logs / f"{contender.slug}.log"))
                    server = Server(process, plan, stop)
                    starting.callback(server.close)
                    await server.ready(say)
                except BenchFailed as error:
                    tell(f"left out: {error}")
                    measured.left_out.append(str(error))
                else:
                    servers.append(server)
                    measured.servers.append(contender)
                    running.push(starting.pop_all())
        if not servers and not stop.is_set():
            raise BenchFailed("no server is left to measure")
        await take_turns(servers, measured, say)
    if not measured.rounds:
        raise BenchFailed("stopped before anything was measured")
    return measured


async def take_turns(servers: Sequence[Server], measured: Measured, say: Callable[[str], object]) -> None:
    """The first round is not kept, and neither is a load that not all of them have borne."""
    plan = measured.plan
    for number in range(plan.rounds + 1):
        seconds = plan.seconds if number else min(plan.seconds, WARM_UP)
        turn = number % len(servers)
        for answers in plan.loads:
            figures = {}
            for server in [*servers[turn:], *servers[:turn]]:
                step = f"round {number} of {plan.rounds}" if number else "warming up"
                say(f"{step}: {server.name}, {plan.conns} streams of {answers} for {seconds:g} s")
                found = await server.measure(answers, seconds)
                if found is None:
                    measured.interrupted = True
                    return
                figures[server.name] = found
            if number:
                measured.rounds.append(Round(number, answers, figures))
