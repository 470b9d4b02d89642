"""What is told of each server: its name and units for people, and how rounds become one value, or one ratio."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sluice.bench.figures import Latency
from sluice.bench.frontend.figures import Figures
from sluice.bench.frontend.measure import Round


@dataclass(frozen=True)
class Quantity:
    """`of` is in seconds or bytes; `scale` and `form` make of it what is shown."""

    label: str
    of: Callable[[Figures], float | None]
    scale: float
    form: str
    over: Callable[[Sequence[float]], float] = median
    """Of the rounds."""
    is_compared: bool = True

    def show(self, value: float | None) -> str:
        return "" if value is None else format(value * self.scale, self.form)

    def values(self, rounds: Sequence[Round], server: str) -> list[float]:
        found = (self.of(one.figures[server]) for one in rounds)
        return [value for value in found if value is not None]

    def value(self, rounds: Sequence[Round], server: str) -> float | None:
        values = self.values(rounds, server)
        return self.over(values) if values else None

    def ratio(self, rounds: Sequence[Round], server: str, peer: str) -> float | None:
        """What the server has, divided by what the peer has in the same round; of these, the median."""
        pairs = [(self.of(one.figures[server]), self.of(one.figures[peer])) for one in rounds]
        ratios = [mine / theirs for mine, theirs in pairs if mine is not None and theirs]
        return median(ratios) if ratios and self.is_compared else None

    def times(self, rounds: Sequence[Round], others: Sequence[Round], server: str) -> float:
        """What the server has in these rounds, in times of what it has in the others; of the ratios, the median."""
        pairs = zip(self.values(rounds, server), self.values(others, server), strict=False)  # one may have no last
        return median(mine / other for mine, other in pairs)


def latency(label: str, of: Callable[[Figures], Latency | None], p: int, form: str = ".2f") -> Quantity:
    def percentile(figures: Figures) -> float | None:
        found = of(figures)
        if found is None:
            return None
        return found.p50 if p == 50 else found.p99

    return Quantity(f"{label} at p{p}, ms", percentile, 1e3, form)


PER_REQUEST: Mapping[str, Quantity] = {
    "cpu_per_request": Quantity("front-end CPU a request, µs", lambda one: one.cpu_per_request, 1e6, ".0f"),
    "requests_per_second": Quantity("requests a second", lambda one: one.requests_per_second, 1, ".1f"),
    "first_token_p50": latency("time to first token", lambda one: one.first_token, 50, ".1f"),
    "first_token_p99": latency("time to first token", lambda one: one.first_token, 99, ".1f"),
}
PER_TOKEN: Mapping[str, Quantity] = {
    "cpu_per_token": Quantity("front-end CPU a token, µs", lambda one: one.cpu_per_token, 1e6, ".1f"),
    "engine_cpu_per_token": Quantity("engine CPU a token, µs", lambda one: one.engine_cpu_per_token, 1e6, ".1f"),
    "tokens_per_second": Quantity("tokens a second", lambda one: one.tokens_per_second, 1, ".0f"),
    "between_tokens_p50": latency("between tokens", lambda one: one.between_tokens, 50),
    "between_tokens_p99": latency("between tokens", lambda one: one.between_tokens, 99),
    "between_events_p50": latency("between events", lambda one: one.between_events, 50),
    "between_events_p99": latency("between events", lambda one: one.between_events, 99),
    "events_per_token": Quantity("events a token", lambda one: one.events_per_token, 1, ".3f"),
}
ALWAYS: Mapping[str, Quantity] = {
    "memory": Quantity("front-end memory, MiB", lambda one: one.memory, 1 / 2**20, ".0f"),
    "bad": Quantity("bad answers", lambda one: one.bad, 1, ".0f", sum, is_compared=False),
    "short": Quantity("short answers", lambda one: one.short, 1, ".0f", sum, is_compared=False),
    "generator_cpu": Quantity("generator's CPU", lambda one: one.generator_cpu, 1, ".0%", is_compared=False),
}


def quantities(tokens: int) -> dict[str, Quantity]:
    """Name → quantity, for answers of so many tokens."""
    return {**(PER_TOKEN if tokens > 1 else {}), **PER_REQUEST, **ALWAYS}
