"""The figures as a table and as a JSON document."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import psutil
from rich.table import Table

from sluice.bench.figures import Figures, Latency
from sluice.bench.load import Load
from sluice.bench.overload import Level, Overload
from sluice.bench.overload import __doc__ as method
from sluice.bench.record import Outcome
from sluice.bench.sweep import Loop, Step, Sweep
from sluice.bench.sweep import __doc__ as sweep_method


def table(levels: Sequence[Level]) -> Table:
    return columns("load", {f"{level.multiple:g}×": level.figures for level in levels})


def sweep_table(steps: Sequence[Step], loop: Loop) -> Table:
    load = "clients" if loop == "closed" else "requests a second"
    return columns(load, {f"{step.size:g}": step.figures for step in steps})


def columns(load: str, measured: Mapping[str, Figures]) -> Table:
    """A column a load, a row a figure; latencies in ms."""
    shown = Table(title="latencies: p50 / p95 / p99 in ms")
    shown.add_column(load, no_wrap=True)
    for name in measured:
        shown.add_column(name, justify="right")
    peak = max(figures.goodput for figures in measured.values())
    rows = [cells(figures, peak) for figures in measured.values()]
    for name in rows[0] if rows else ():
        if any(row[name] for row in rows):
            shown.add_row(name, *(row[name] for row in rows))
    return shown


def cells(figures: Figures, peak: float) -> dict[str, str]:
    """Figure → text; empty where there is none."""
    retries = figures.retries
    behind = figures.refused.p99 - figures.probe.p99 if figures.refused and figures.probe else None
    return {
        "attempts a second": f"{figures.offered:.1f}",
        "goodput, tokens a second": f"{figures.goodput:.1f}",
        "  of its peak": f"{figures.goodput / peak:.1%}" if peak else "",
        **{name.replace("_", " "): text(figures.outcomes.get(name), "d") for name in get_args(Outcome)},
        "first token": milliseconds(figures.first_token),
        "between tokens": milliseconds(figures.inter_token),
        "whole answer": milliseconds(figures.admitted),
        "refusal": milliseconds(figures.refused),
        "probe": milliseconds(figures.probe),
        "probes without 200": text(figures.probes_failed or None, "d"),
        "refusal above probe at p99": text(None if behind is None else behind * 1e3, ".1f"),
        "retries": text(retries.attempts or None, "d"),
        "let in by a retry": text(retries.let_in_later if retries.attempts else None, ".1%"),
        "herding (1: Poisson)": text(retries.herding, ".2f"),
        "Jain's index": text(figures.jain, ".4f"),
        "generator late": milliseconds(figures.generator_lag),
        "generator CPU": f"{figures.generator_cpu:.0%}",
    }


def text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def milliseconds(latency: Latency | None) -> str:
    if latency is None:
        return ""
    values = (seconds * 1e3 for seconds in (latency.p50, latency.p95, latency.p99))
    return " / ".join(f"{value:.1f}" if value < 100 else f"{value:.0f}" for value in values)


def document(measured: Overload, date: datetime, command: str) -> dict[str, Any]:
    """All there is to know about the measurement; times in seconds."""
    return {
        **circumstances(measured.load, date, command),
        "saturation_requests_per_second": measured.saturation,
        "method": method,
        "levels": [{"multiple": level.multiple, **asdict(level.figures)} for level in measured.levels],
    }


def sweep_document(measured: Sweep, date: datetime, command: str) -> dict[str, Any]:
    """The same for a sweep."""
    size = "clients" if measured.loop == "closed" else "requests_per_second"
    return {
        **circumstances(measured.load, date, command),
        "loop": measured.loop,
        "method": sweep_method,
        "steps": [{size: step.size, **asdict(step.figures)} for step in measured.steps],
    }


def circumstances(load: Load, date: datetime, command: str) -> dict[str, Any]:
    return {
        "date": date.isoformat(timespec="seconds"),
        "machine": machine(),
        "command": command,
        "url": load.subject.url,
        "probe": load.subject.probe_path,
        "body": load.subject.body,
        "tenants": len(load.tenants),
        "interrupted": load.stop.is_set(),
    }


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": psutil.cpu_count(),
        "cores_of_the_generator": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
