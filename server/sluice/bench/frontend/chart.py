"""The rounds as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from sluice.bench.frontend.measure import Measured
from sluice.bench.frontend.plan import Answers
from sluice.bench.frontend.quantities import quantities
from sluice.bench.frontend.report import count
from sluice.errors import BenchFailed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "front-end CPU a token, µs": ("cpu_per_token",),
    "tokens a second": ("tokens_per_second",),
    "between tokens, ms": ("between_tokens_p50", "between_tokens_p99"),
    "front-end CPU a request, µs": ("cpu_per_request",),
    "time to first token, ms": ("first_token_p50", "first_token_p99"),
    "front-end memory, MiB": ("memory",),
}
"""Of the shortest answers where a request is what costs, else of the longest."""
COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red")


def draw(measured: Measured, path: Path) -> None:
    """A bar a server, and the rounds' least and greatest, as a PNG. Needs matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchFailed(f"no {path.name}: it needs matplotlib (pip install .[bench])") from None
    plan, rounds = measured.plan, len(measured.of(measured.loads[0]))
    figure = Figure(figsize=(12, 7), layout="constrained")
    figure.suptitle(f"{plan.conns} streams at once, median of {count(rounds, 'round')} of {plan.seconds:g} s")
    panels = figure.subplots(2, 3).flat
    for axes, (title, keys) in zip(panels, PANELS.items(), strict=True):
        answers = measured.loads[-1 if keys == ("cpu_per_request",) else 0]
        bars(axes, measured, answers, [key for key in keys if key in quantities(answers.tokens)])
        axes.set_title(f"{title}\nanswers of {answers}", fontsize="medium")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.savefig(path, dpi=120)


def bars(axes: "Axes", measured: Measured, answers: Answers, keys: list[str]) -> None:
    """A group of bars a quantity; where there are several, their percentiles are told below."""
    rounds, names = measured.of(answers), [server.name for server in measured.servers]
    for place, name in enumerate(names):
        for group, key in enumerate(keys):
            quantity = quantities(answers.tokens)[key]
            values = [value * quantity.scale for value in quantity.values(rounds, name)] or [0.0]
            middle = (quantity.value(rounds, name) or 0.0) * quantity.scale
            drawn = axes.bar(
                group * (len(names) + 0.7) + place, middle, color=COLORS[place % len(COLORS)], width=0.9,
                label=None if group else name,
                yerr=[[middle - min(values)], [max(values) - middle]] if len(values) > 1 else None,
                ecolor="0.3", capsize=3,
            )  # fmt: skip
            axes.bar_label(drawn, fmt=f"{{:{quantity.form}}}", padding=2, fontsize="small")
    centers = [group * (len(names) + 0.7) + (len(names) - 1) / 2 for group in range(len(keys))]
    axes.set_xticks(centers if len(keys) > 1 else [], [key[-3:] for key in keys] if len(keys) > 1 else [])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=0, top=1.1 * axes.get_ylim()[1])
