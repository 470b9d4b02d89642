"""10,000 random steps through the whole app, without sockets and in virtual time: the books balance after each."""

import asyncio
import hashlib
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sluice.admission import Account
from sluice.admission.tenants import find_keys
from sluice.app import create_app
from sluice.engine.base import AS_IT_IS, Constraint, Prompt, Rendered, Tokenizing
from sluice.settings import Settings
from sluice.settings.section import Mistake
from tests.api.in_time import Asking, AskingOverAsgi
from tests.conftest import is_watcher
from tests.fake import FakeEngine, FakeSequence
from tests.virtual import VirtualLoop

BATCH = 4
NAMES = ("a", "b", "c")
TRAFFIC = {
    "concurrency": BATCH, "max_concurrency": 8, "queue_timeout": 20, "first_token_timeout": 15, "stall_timeout": 10,
    "send_timeout": 5, "timeout": 40,
}  # fmt: skip


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def tenants(names: tuple[str, ...] = NAMES) -> list[dict[str, Any]]:
    return [{"name": n, "keys": [f"sha256:{hashlib.sha256(n.encode()).hexdigest()}"]} for n in names]


class CountingEngine(FakeEngine):
    """`most` is what it may hold; `delay` is what rendering takes, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.most, self.delay = BATCH, 0.0
        self.too_many = False

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        await asyncio.sleep(self.delay)
        return await super().render(prompt, constraint, tokenizing)

    def run(self, sequence: FakeSequence) -> None:
        super().run(sequence)
        self.too_many |= len(self.live) > self.most


class Books(RuleBasedStateMachine):
    client: type[Asking] = Asking

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.engine = CountingEngine()
        self.settings = Settings.model_validate({"traffic": TRAFFIC, "tenants": tenants()})
        self.app = create_app(self.settings, self.engine, clock=self.loop.time)
        self.controller = self.app.state.controller
        self.clients: list[Asking] = []
        self.accounts = set[Account]()
        self.highest = 0
        self.is_settled = True
        self.loop.run_until_complete(self.app.state.lifecycle.load())

    @property
    def open(self) -> list[Asking]:
        return [client for client in self.clients if not client.left.is_set()]

    def go_on(self, turns: int) -> None:
        """Zero: until nothing is left to do."""
        self.is_settled = turns == 0
        if turns:
            self.loop.turn(turns - 1)
        else:
            self.loop.settle()

    def apply(self, new: Settings) -> None:
        async def on_the_loop() -> None:
            self.app.state.apply(new, find_keys(new.tenants, new.operators.keys, {}))

        self.loop.run_until_complete(on_the_loop())

    @rule(
        key=st.sampled_from((*NAMES, *NAMES, *NAMES, "stranger")),
        n=st.integers(1, 3),
        stream=st.booleans(),
        tier=st.sampled_from((None, "flex")),
        padding=st.sampled_from((0, 30, 300)),
        last=st.sampled_from((1, 5, 40)),
        max_tokens=st.sampled_from((3, 100)),
        patience=st.sampled_from((None, None, "0.5", "3")),
        halves=st.sampled_from((False, False, False, True)),
        crowd=st.sampled_from((1, 1, 4)),
        turns=st.integers(0, 6),
    )
    def arrive(
        self, *, key: str | None, n: int, stream: bool, tier: str | None, padding: int, last: int, max_tokens: int,
        patience: str | None, halves: bool, crowd: int, turns: int,
    ) -> None:  # fmt: skip
        body = {
            "model": "demo", "n": n, "stream": stream, "service_tier": tier, "max_tokens": max_tokens,
            "messages": [{"role": "user", "content": f"{'x' * padding}Count from 1 to {last}"}],
        }  # fmt: skip
        headers = {"x-api-key": key, "x-request-timeout": patience}
        for _ in range(crowd):
            client = self.client(body, {name: value for name, value in headers.items() if value}, halves)
            client.ask_app(self.app, self.loop)
            self.clients.append(client)
        self.go_on(turns)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 50), turns=st.integers(0, 6))
    def hang_up(self, which: int, turns: int) -> None:
        self.open[which % len(self.open)].hang_up()
        self.go_on(turns)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 50), turns=st.integers(0, 6))
    def stop_reading(self, which: int, turns: int) -> None:
        self.open[which % len(self.open)].stop_reading()
        self.go_on(turns)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 50), turns=st.integers(0, 6))
    def read_on(self, which: int, turns: int) -> None:
        client = self.open[which % len(self.open)]
        client.finish_body()
        client.read_on()
        self.go_on(turns)

    @rule(going=st.booleans(), token=st.sampled_from((0.0, 0.01, 0.3)), delay=st.sampled_from((0.0, 0.0, 0.2)))
    def change_the_engines_pace(self, going: bool, token: float, delay: float) -> None:
        self.engine.seconds_a_token, self.engine.delay = token, delay
        (self.engine.going.set if going else self.engine.going.clear)()
        self.go_on(1)

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.3, 1.0, 5.0, 12.0, 61.0)), turns=st.integers(0, 6))
    def time_passes(self, seconds: float, turns: int) -> None:
        self.loop.advance(seconds)
        self.go_on(turns)

    @rule(
        concurrency=maybe(st.integers(1, BATCH + 1)),
        more=maybe(st.integers(0, 8)),
        waiting_tokens=maybe(st.sampled_from((20, 200))),
        enforce=st.sampled_from((True, True, False)),
        names=st.sampled_from((NAMES, NAMES, NAMES, ("a", "b"), ("c",), ())),
        limits=st.fixed_dictionaries(
            {},
            optional={
                "max_concurrency": st.integers(1, 4),
                "requests_per_minute": st.integers(1, 20),
                "tokens_per_minute": st.sampled_from((50, 500, 5000)),
                "weight": st.sampled_from((0.5, 2.0)),
                "classes": st.sampled_from((["batch"], ["interactive"])),
            },
        ),
        turns=st.integers(0, 6),
    )
    def reload(
        self, *, concurrency: int | None, more: int | None, waiting_tokens: int | None, enforce: bool,
        names: tuple[str, ...], limits: dict[str, Any], turns: int,
    ) -> None:  # fmt: skip
        cap = None if more is None else (concurrency or BATCH) + more
        traffic = TRAFFIC | {
            "concurrency": concurrency, "max_concurrency": cap, "max_waiting_tokens": waiting_tokens, "enforce": enforce
        }  # fmt: skip
        wanted = [tenant | (limits if number == 0 else {}) for number, tenant in enumerate(tenants(names))]
        new = Settings.model_validate({"traffic": traffic, "tenants": wanted})
        if concurrency == BATCH + 1:
            with pytest.raises(Mistake):
                self.apply(new)
        else:
            batch = concurrency or BATCH
            self.engine.most = max(self.engine.most, batch)
            self.apply(new)
            self.settings = new
            if self.is_settled:
                self.engine.most = batch
            self.highest = self.controller.seats.taken
        self.go_on(turns)

    @invariant()
    def seats_balance(self) -> None:
        controller, by_account = self.controller, Counter[Account]()
        for ticket in controller.tickets:
            by_account[ticket.account] += ticket.seats
        self.accounts |= set(by_account)
        assert controller.admitted_total == sum(controller.finished.values()) + controller.seats.taken
        assert controller.seats.taken == sum(by_account.values())
        assert {account: account.seats.taken for account in self.accounts} == {a: by_account[a] for a in self.accounts}
        assert controller.waiting_tokens.taken == sum(ticket.waiting_tokens for ticket in controller.tickets)
        assert controller.empty.is_set() == (not controller.tickets)
        assert len(controller.tickets) <= len(self.open)

    @invariant()
    def limits_hold(self) -> None:
        traffic, seats = self.settings.traffic, self.controller.seats
        assert seats.capacity == traffic.max_concurrency
        if traffic.enforce and traffic.max_concurrency is not None:
            assert seats.taken <= max(traffic.max_concurrency, self.highest)
        self.highest = seats.taken

    @invariant()
    def the_batch_is_full_or_nobody_waits(self) -> None:
        scheduler, engine = self.controller.scheduler, self.engine
        assert scheduler.max_running == (self.settings.traffic.concurrency or BATCH)
        assert not scheduler.waiting or scheduler.running >= scheduler.max_running
        assert scheduler.running + scheduler.waiting <= self.controller.seats.taken
        assert sum(scheduler.running_by.values()) == scheduler.running
        assert sum(scheduler.waiting_by.values()) == scheduler.waiting
        assert min(scheduler.waiting_by.values(), default=0) >= 0
        assert len(engine.live) <= scheduler.running
        assert not engine.too_many
        if self.is_settled:
            assert len(engine.live) == scheduler.running
            engine.most = scheduler.max_running

    @precondition(lambda self: self.is_settled)
    @invariant()
    def nobody_outstays(self) -> None:
        for ticket in self.controller.tickets:
            over = ticket.deadline.over(self.loop.now - 1e-6)
            assert not over or ticket.reason or ticket.alarm is None, over  # it is set when the body has come

    def teardown(self) -> None:
        try:
            self.engine.seconds_a_token = self.engine.delay = 0.0
            self.engine.going.set()
            for client in self.open:
                client.finish_body()
                client.read_on()
            self.loop.settle()
            self.loop.advance(1)
            self.loop.settle()
            verdicts = Counter(client.verdict() for client in self.clients)
            self.is_settled = True
            self.seats_balance()
            scheduler, controller = self.controller.scheduler, self.controller
            inside = (
                controller.seats.taken,
                scheduler.running,
                scheduler.waiting,
                controller.waiting_tokens.taken,
                len(self.engine.live),
            )
            assert inside == (0, 0, 0, 0, 0)
            assert controller.finished["finished"] >= verdicts["whole"]
            assert self.engine.live == {}
            assert self.tasks() == set()
        finally:
            self.close()

    def tasks(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks(self.loop)

    def close(self) -> None:
        self.loop.close()


class BooksOverAsgi(Books):
    """The same below an ASGI server; sse-starlette leaves a task that looks for the end of the server."""

    client = AskingOverAsgi

    def tasks(self) -> set[asyncio.Task[Any]]:
        return {task for task in super().tasks() if not is_watcher(task)}

    def close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()
        super().close()


SETTINGS = settings(stateful_step_count=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
Books.TestCase.settings = settings(SETTINGS, max_examples=200)
BooksOverAsgi.TestCase.settings = settings(SETTINGS, max_examples=100)
TestBooks, TestBooksOverAsgi = Books.TestCase, BooksOverAsgi.TestCase
