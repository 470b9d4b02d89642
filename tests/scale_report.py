"""What many streams cost, as a table and as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, StrMethodFormatter

from sluice.bench.figures import percentile

WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}


@dataclass(frozen=True)
class Row:
    """Of `streams` that ran side by side for `seconds`. `late` and `gaps` are sorted, and in seconds."""

    streams: int
    seconds: float
    tokens: int
    cpu: float
    """Seconds of CPU, user and system, that the server took."""
    idle_cpu: float
    """The part of them that it would have taken without any stream."""
    own_cpu: float
    """The load generator's: near 100%, it is the generator that is late."""
    own_lag: float
    """Seconds: the latest that a timer of the generator was. Much, and the machine has had other things to do."""
    memory: int
    """Bytes that the server has grown by."""
    late: Sequence[float]
    """How much later a token came than its stream's own first token and its rate would have it."""
    gaps: Sequence[float]
    """Between a token and the one before it."""
    fewest: int
    """Tokens of the stream that got the fewest."""

    @property
    def cpu_a_token(self) -> float:
        """µs."""
        return 1e6 * self.cpu / self.tokens

    @property
    def cpu_above_idle(self) -> float:
        """µs a token."""
        return 1e6 * (self.cpu - self.idle_cpu) / self.tokens


def ms(moments: Sequence[float], percent: float) -> float:
    return 1e3 * percentile(moments, percent)


COLUMNS: dict[str, Callable[[Row], str]] = {
    "streams": lambda row: f"{row.streams}",
    "tokens/s": lambda row: f"{row.tokens / row.seconds:.0f}",
    "CPU": lambda row: f"{row.cpu / row.seconds:.0%}",
    "µs/token": lambda row: f"{row.cpu_a_token:.0f}",
    "above idle": lambda row: f"{row.cpu_above_idle:.0f}",
    "KiB/stream": lambda row: f"{row.memory / 1024 / row.streams:.0f}",
    "late ms p50": lambda row: f"{ms(row.late, 50):.1f}",
    "p99": lambda row: f"{ms(row.late, 99):.1f}",
    "max": lambda row: f"{ms(row.late, 100):.1f}",
    "gap ms p99": lambda row: f"{ms(row.gaps, 99):.1f}",
    "slowest": lambda row: f"{row.fewest * row.streams / row.tokens:.1%}",
    "own CPU": lambda row: f"{row.own_cpu / row.seconds:.0%}",
    "own lag ms": lambda row: f"{1e3 * row.own_lag:.1f}",
}
"""`slowest`: what the stream with the fewest tokens got of an equal share; `own`: the load generator's."""


def line(cells: Sequence[str]) -> str:
    """Right below the titles; each is at least as wide as any of its figures."""
    return "  ".join(cell.rjust(max(len(title), 7)) for cell, title in zip(cells, COLUMNS, strict=True))


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """CPU a token and lateness over the number of streams, as a PNG."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle(title)
    cpu, late = figure.subplots(1, 2)
    streams = [row.streams for row in rows]
    cpu.plot(streams, [row.cpu_a_token for row in rows], marker="o", color="0.7", label="all of it")
    cpu.plot(streams, [row.cpu_above_idle for row in rows], marker="o", label="above what it takes when idle")
    for row in rows:
        at, label = (row.streams, row.cpu_above_idle), f"{row.cpu_above_idle:.0f}"
        cpu.annotate(label, at, (0, -16), textcoords="offset points", ha="center", bbox=WHITE)
    above = [max(row.cpu_above_idle, 1) for row in rows]
    cpu.set(title="the server's CPU, µs a token", yscale="log")
    cpu.set_ylim(min(above) / 2, 1.5 * max(row.cpu_a_token for row in rows))
    cpu.margins(x=0.08)
    for name, percent in {"max": 100, "p99": 99, "p50": 50}.items():
        late.plot(streams, [ms(row.late, percent) for row in rows], marker="o", label=name)
    late.set(title="how late a token is, ms")
    late.set_yscale("symlog", linthresh=1)
    late.set_ylim(bottom=min(0, *(ms(row.late, 50) for row in rows)), top=2 * max(ms(row.late, 100) for row in rows))
    for axes in (cpu, late):
        axes.set(xlabel="streams at once", xscale="log")
        axes.minorticks_off()
        axes.yaxis.set_major_locator(FixedLocator([0, *(step * 10**power for power in range(6) for step in (1, 2, 5))]))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.grid(axis="y", alpha=0.3)
        axes.set_xticks(streams, [str(number) for number in streams])
        axes.legend()
    figure.savefig(path, dpi=120)
