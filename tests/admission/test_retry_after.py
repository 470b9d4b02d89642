"""A `Retry-After` that is true: simulated clients that obey it find a seat, and do not come as a herd."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from sluice.admission.forecast import Forecast
from sluice.admission.retry_after import LATEST, SOONEST, RetryAfter

CONCURRENCY, THINKING = 8, 3.0


class World:
    """A server with seats and a batch, and clients that ask, are answered, think and ask again; time is simulated."""

    def __init__(self, seats: int, clients: int, seconds: float) -> None:
        self.dice = random.Random(1)
        self.seats, self.now, self.numbers = seats, 0.0, count()
        self.events: list[tuple[float, int, Callable[..., None], tuple[int, ...]]] = []
        self.inside = self.running = self.waiting = self.answered = 0
        self.forecast = Forecast()
        self.appointments = RetryAfter(lambda: self.now, self.dice)
        self.refused: Counter[int] = Counter()
        self.tries_of_the_refused: list[int] = []
        self.arrivals: list[float] = []
        for _ in range(clients):
            self.after(self.dice.uniform(0, THINKING), self.ask, 0)
        while self.events and self.events[0][0] < seconds:
            self.now, _, event, arguments = heapq.heappop(self.events)
            event(*arguments)

    def after(self, seconds: float, event: Callable[..., None], *arguments: int) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.numbers), event, arguments))

    def ask(self, tries: int) -> None:
        if tries:
            self.arrivals.append(self.now)
        if self.inside == self.seats:
            self.after(self.appointments.seconds(self.waiting, self.forecast.rate(self.running)), self.ask, tries + 1)
            return
        if tries and self.now > 120:
            self.tries_of_the_refused.append(tries)
        self.inside += 1
        self.waiting += 1
        self.start()

    def start(self) -> None:
        while self.waiting and self.running < CONCURRENCY:
            self.waiting -= 1
            self.running += 1
            self.after(self.dice.uniform(0.5, 1.5), self.finish)

    def finish(self) -> None:
        self.forecast.left(1.0)
        self.answered += 1
        self.running -= 1
        self.inside -= 1
        self.start()
        self.after(self.dice.expovariate(1 / THINKING), self.ask, 0)


def test_clients_that_obey_get_in_on_their_first_or_second_retry() -> None:
    """Twice as many ask as can be served: 64 clients, each of which would ask every 4 s, and 8 answers a second."""
    world = World(seats=24, clients=64, seconds=1200)
    in_time = sum(tries <= 2 for tries in world.tries_of_the_refused)
    assert len(world.tries_of_the_refused) > 1000
    assert in_time / len(world.tries_of_the_refused) >= 0.9
    assert world.answered > 0.99 * CONCURRENCY * 1200 - 60  # and the batch stays full meanwhile


def test_they_do_not_come_as_a_herd() -> None:
    """64 clients refused in one moment come back one by one: never more than a few in the same tenth of a second."""
    clock = [0.0]
    appointments = RetryAfter(lambda: clock[0], random.Random(1))
    returns = [appointments.seconds(waiting=16, rate=8.0) for _ in range(64)]
    assert max(Counter(int(10 * seconds) for seconds in returns).values()) <= 4


def test_nothing_known_means_soon() -> None:
    assert RetryAfter(lambda: 0.0, random.Random(1)).seconds(100, None) == SOONEST


@given(st.integers(0, 10**6), st.floats(1e-3, 1e5), st.integers(0, 100), st.integers(0, 10**6))
def test_between_one_second_and_thirty(waiting: int, rate: float, refusals: int, seed: int) -> None:
    appointments = RetryAfter(lambda: 5.0, random.Random(seed))
    assert all(SOONEST <= appointments.seconds(waiting, rate) <= LATEST for _ in range(refusals))


def test_the_forecast_follows_a_step_without_swinging() -> None:
    """Sequences that take four times as long from one moment on: the forecast rises to that, and not beyond."""
    forecast = Forecast()
    for _ in range(200):
        forecast.left(1.0)
    assert forecast.rate(8) == 8
    rates = []
    for _ in range(400):
        forecast.left(4.0)
        rates.append(forecast.rate(8) or 0)
    assert rates == sorted(rates, reverse=True)
    assert 2.0 <= rates[-1] < 2.02
    assert rates[100] < 3


def test_a_prediction_that_refuses_does_not_swing() -> None:
    """A load step from half to three times of what can be served, of clients that wait 2 s at most.

    Whoever would wait longer is refused at once. The queue settles where the wait is 2 s: it neither empties nor
    overshoots, so all that are let in are served in time, and the batch stays full.
    """
    dice, patience, rate = random.Random(3), 2.0, 8.0
    forecast, running, waiting = Forecast(), list[float](), list[float]()
    waits, lengths, idle, now = list[float](), list[int](), 0, 0.0
    while now < 300:
        now += 0.01
        for _ in [end for end in running if end <= now]:
            forecast.left(1.0)
        running = [end for end in running if end > now]
        while waiting and len(running) < CONCURRENCY:
            waits.append(now - waiting.pop(0))
            running.append(now + dice.uniform(0.5, 1.5))
        if dice.random() < 0.01 * rate * (0.5 if now < 100 else 3):
            places = forecast.rate(len(running)) if len(running) == CONCURRENCY else None
            if places is None or (len(waiting) + 1) / places <= patience:
                waiting.append(now)
        if now > 105:
            lengths.append(len(waiting))
            idle += len(running) < CONCURRENCY
    assert sorted(waits)[int(0.99 * len(waits))] < 1.25 * patience
    assert min(lengths) >= 0.5 * max(lengths)
    assert max(lengths) <= rate * patience
    assert idle < 0.01 * len(lengths)
