"""The figures as a picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from sluice.bench.figures import Figures, Latency
from sluice.bench.overload import Level
from sluice.bench.record import Outcome
from sluice.errors import BenchFailed

LINES: dict[str, Callable[[Figures], Latency | None]] = {
    "whole answer": lambda figures: figures.admitted,
    "first token": lambda figures: figures.first_token,
    "refusal": lambda figures: figures.refused,
    "probe": lambda figures: figures.probe,
}


def draw(levels: Sequence[Level], title: str, path: Path) -> None:
    """Goodput, latencies at the 99th percentile and outcomes over the load, as a PNG. Needs matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchFailed(f"no {path.name}: it needs matplotlib (pip install .[bench])") from None
    figure = Figure(figsize=(12, 4), layout="constrained")
    figure.suptitle(title)
    goodput, latency, outcomes = figure.subplots(1, 3)
    loads = [level.multiple for level in levels]
    ticks = [f"{load:g}×" for load in loads]

    goodput.plot(loads, [level.figures.goodput for level in levels], marker="o")
    goodput.set(title="goodput, tokens a second")
    goodput.set_ylim(bottom=0, top=1.1 * goodput.get_ylim()[1])
    for name, of in LINES.items():
        found = [(level.multiple, one.p99 * 1e3) for level in levels if (one := of(level.figures))]
        if found:
            latency.plot(*zip(*found, strict=True), marker="o", label=name)
    latency.set(title="latency at p99, ms", yscale="log")
    latency.legend()
    for axes in (goodput, latency):
        axes.set(xscale="log", xlabel="load")
        axes.minorticks_off()
        axes.set_xticks(loads, ticks)

    base = [0.0] * len(levels)
    for name in get_args(Outcome):
        shares = [level.figures.outcomes.get(name, 0) / max(level.figures.attempts, 1) for level in levels]
        if any(shares):
            outcomes.bar(ticks, shares, bottom=base, label=name.replace("_", " "))
            base = [low + share for low, share in zip(base, shares, strict=True)]
    outcomes.set(title="what became of the attempts", xlabel="load", ylim=(0, 1))
    outcomes.legend()
    figure.savefig(path, dpi=120)
