"""The live figures, drawn for a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sluice.client.watching import Watched
from sluice.telemetry.snapshot import Point, Progress, Status

BLOCKS = "▁▂▃▄▅▆▇█"
SHOWN_TENANTS = 5
BAR = 50
COLOURS = {"ready": "green", "starting": "yellow", "recovering": "yellow", "draining": "yellow"}


def board(watched: Watched) -> RenderableType:
    status = watched.status
    parts: list[RenderableType] = [headline(status)]
    if status.progress is not None:
        parts += progress(status.progress)
    parts += [Panel(seats(status), title="seats", title_align="left")]
    parts += [Panel(speed(status, watched.tokens), title="the last seconds", title_align="left")]
    parts += [Panel(since_the_start(status), title="since the start", title_align="left")]
    if len(status.shares) > 1:
        parts += [Panel(tenants(status), title="tenants, the last 15 minutes", title_align="left")]
    return Group(*parts)


def headline(status: Status) -> Text:
    told = Text.assemble(
        (status.phase, f"bold {COLOURS.get(status.phase, 'red')}"),
        f"  {status.model.names[0] if status.model.names else ''}  up {duration(status.uptime)}",
        f"  Sluice {status.version}  {status.output_path or ''}",
    )
    return told.append(f"\n{status.reason}", "red") if status.reason else told


def progress(now: Progress) -> list[RenderableType]:
    if now.expected_seconds:
        rest = max(0.0, now.expected_seconds - now.seconds)
        bar = ProgressBar(now.expected_seconds, min(now.seconds, now.expected_seconds), BAR)
        return [Text(f"{now.step}/{now.steps} {now.stage}, about {duration(rest)} more"), bar]
    return [Text(f"{now.step}/{now.steps} {now.stage}, {duration(now.seconds)} so far")]


def seats(status: Status) -> RenderableType:
    most = status.max_concurrency or max(status.admitted, status.concurrency or 1, 1)
    arriving = max(0, status.admitted - status.running - status.waiting)
    bar = Text()
    taken = 0
    for count, style in ((status.running, "green"), (status.waiting, "yellow"), (arriving, "cyan")):
        width = round((taken + count) / most * BAR) - round(taken / most * BAR)
        bar.append("█" * width, style)
        taken += count
    bar.append("░" * (BAR - len(bar)), "dim")
    limit = status.max_concurrency or "no limit"
    return Group(
        bar.append(f"  {status.admitted} of {limit}"),
        row(
            ("running", f"{status.running} of {status.concurrency or '?'}"),
            ("waiting", str(status.waiting), by(status.waiting_by)),
            ("paused", str(status.paused_now)),
            ("longest wait", f"{status.oldest_wait_seconds:.1f} s"),
        ),
    )


def speed(status: Status, tokens: Sequence[int]) -> RenderableType:
    latest = status.latest
    recent = list(tokens)[-BAR:]
    usage = "?" if status.kv_cache_usage is None else f"{status.kv_cache_usage:.0%}"
    return Group(
        row(("tokens a second", str(latest.tokens if latest else 0)), ("KV cache", usage)),
        Text(sparkline(recent), "green"),
        row(*latencies(latest)),
    )


def latencies(latest: Point | None) -> Iterable[tuple[str, str]]:
    if latest is not None:
        yield "first token", both(latest.first_token_p50, latest.first_token_p99)
        yield "between tokens", both(latest.inter_token_p50, latest.inter_token_p99)
        yield "queue", both(latest.queue_p50, latest.queue_p99)


def since_the_start(status: Status) -> RenderableType:
    return Group(
        row(("tokens", f"{status.generated_tokens:,}"), ("of prompts", f"{status.prompt_tokens:,}")),
        row(("sequences", by(status.finished) or "none yet")),
        row(("refused", by(status.rejected) or "none"), ("engine restarts", str(status.engine_restarts))),
    )


def tenants(status: Status) -> Table:
    table = Table.grid(padding=(0, 2))
    for share in status.shares[:SHOWN_TENANTS]:
        told = (share.tenant or "the others", f"{share.generated_tokens:,} tokens", f"{share.running} run")
        table.add_row(*map(Text, (*told, f"{share.waiting} wait")))
    return table


def row(*figures: tuple[str, ...]) -> Text:
    told = Text()
    for name, value, *more in figures:
        told.append(f"{name} ", "dim").append(value, "bold")
        told.append(f" ({more[0]})" if more and more[0] else "").append("   ")
    return told


def by(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def both(p50: float | None, p99: float | None) -> str:
    return "–" if p50 is None or p99 is None else f"{p50 * 1e3:.0f} / {p99 * 1e3:.0f} ms"


def sparkline(values: Sequence[int]) -> str:
    most = max(values, default=0) or 1
    return "".join(BLOCKS[round(value / most * (len(BLOCKS) - 1))] for value in values)


def duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{rest} s"
