"""A soak, as a page and as a picture."""

import datetime
from pathlib import Path

from tests.soak.run import MOST_GAP_S, Soak
from tests.soak.watch import growth

PAGE = """# The last soak

`{command}` on {day}: {minutes:.0f} minutes, {number} faults of the engine, seed {seed}. Each client
asks any of the APIs, streamed or not, greedy or with a seed, for an answer that is known to the letter; every second
connection is reset, hung up, half-closed, stalled or trickled by a proxy in between.

| | |
|---|---|
{rows}

{verdict}

![What the server held and took over the soak](soak.png)

| fault | at, s | not ready for, s | longest silence of a stream beyond that, s |
|---|---|---|---|
{faults}
"""


def write(soak: Soak, command: str, folder: Path) -> None:
    outcomes = [(f"answers: {name}", str(number)) for name, number in sorted(soak.tally.outcomes.items())]
    figures = [
        ("sequences admitted, and what has become of them", str(soak.status["finished"])),
        ("inside at the end: admitted, running, waiting",
         ", ".join(str(soak.status[name]) for name in ("admitted", "running", "waiting"))),
        ("descriptors, threads, processes before and after",
         f"{soak.before.descriptors}, {soak.before.threads}, {soak.before.processes}; "
         f"{soak.after.descriptors}, {soak.after.threads}, {soak.after.processes}"),
        ("the front end's memory, last quarter against the second, MiB", f"{growth(soak.samples):+.0f}"),
        ("longest wait of `/livez`, s", f"{max(sample.pause for sample in soak.samples):.2f}"),
        (f"longest gap beyond a restart, s (at most {MOST_GAP_S:g})", f"{max(soak.gaps(), default=0):.1f}"),
    ]  # fmt: skip
    complaints = soak.complaints()
    page = PAGE.format(
        command=command, day=datetime.datetime.now(datetime.UTC).date(), minutes=soak.seconds / 60, seed=soak.seed,
        number=len(soak.faults), rows="\n".join(f"| {name} | {value} |" for name, value in outcomes + figures),
        verdict="Nothing was wrong." if not complaints else "**Wrong:**\n\n" + "\n".join(f"- {x}" for x in complaints),
        faults="\n".join(
            f"| {fault.name} | {fault.moment - soak.began:.0f} | {fault.seconds:.1f} | {gap:.1f} |"
            for fault, gap in zip(soak.faults, soak.gaps(), strict=True)
        ),
    )  # fmt: skip
    (folder / "soak.md").write_text(page)
    draw(soak, folder / "soak.png")


def draw(soak: Soak, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout="constrained")
    inside, memory, held = figure.subplots(3, 1, sharex=True)
    moments = [(sample.moment - soak.began) / 60 for sample in soak.samples]
    inside.plot(moments, [sample.admitted for sample in soak.samples], label="admitted")
    inside.plot(moments, [sample.running for sample in soak.samples], label="running")
    memory.plot(moments, [sample.memory for sample in soak.samples], label="front end's memory, MiB")
    held.plot(moments, [sample.descriptors for sample in soak.samples], label="descriptors")
    held.plot(moments, [sample.threads for sample in soak.samples], label="threads")
    for axes in (inside, memory, held):
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")
        for fault in soak.faults:
            start = (fault.moment - soak.began) / 60
            axes.axvspan(start, start + fault.seconds / 60, color="tab:red", alpha=0.2)
    held.set(xlabel="minutes; red: the engine is being replaced")
    figure.savefig(path, dpi=100)
