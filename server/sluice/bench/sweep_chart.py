"""A sweep as a picture."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sluice.bench.figures import Figures, Latency
from sluice.bench.sweep import Loop, Step
from sluice.errors import BenchFailed

LATENCIES: dict[str, Callable[[Figures], Latency | None]] = {
    "first token": lambda figures: figures.first_token,
    "between tokens": lambda figures: figures.inter_token,
    "whole answer": lambda figures: figures.admitted,
}


def draw(steps: Sequence[Step], loop: Loop, title: str, path: Path) -> None:
    """Goodput and latencies over the load, p50 as a line and p99 dashed, as a PNG. Needs matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchFailed(f"no {path.name}: it needs matplotlib (pip install .[bench])") from None
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    goodput, latency = figure.subplots(1, 2)
    goodput.plot([step.size for step in steps], [step.figures.goodput for step in steps], marker="o")
    goodput.set(title="goodput, tokens a second")
    goodput.set_ylim(bottom=0, top=1.1 * goodput.get_ylim()[1])
    for number, (name, of) in enumerate(LATENCIES.items()):
        found = [(step.size, one) for step in steps if (one := of(step.figures))]
        sizes = [size for size, _ in found]
        latency.plot(sizes, [one.p50 * 1e3 for _, one in found], f"C{number}o-", label=f"{name}, p50")
        latency.plot(sizes, [one.p99 * 1e3 for _, one in found], f"C{number}o--", label=f"{name}, p99")
    latency.set(title="latency, ms", yscale="log")
    latency.legend()
    for axes in (goodput, latency):
        axes.set(xlabel="clients" if loop == "closed" else "requests a second")
    figure.savefig(path, dpi=120)
