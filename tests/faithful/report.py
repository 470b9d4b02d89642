"""What a comparison has come to: told while it runs, and in the end."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.faithful.compare import Difference
from tests.faithful.corpus.case import Case
from tests.faithful.deliberate import DELIBERATE

EVERY = 100
"""Requests between two lines that tell how far it is."""


class Report:
    """Of so many `requests` in all. `seen`: the patterns of the table that a difference has come under."""

    def __init__(self, requests: int) -> None:
        self.requests, self.done, self.started = requests, 0, time.monotonic()
        self.seen = set[tuple[str, str]]()
        self.same, self.meant, self.other = Counter[str](), Counter[str](), Counter[str]()

    def add(self, case: Case, found: Sequence[Difference], tries: int) -> None:
        """Prints what is not in the table, at once. `tries`: how often it was asked for."""
        others = [difference for difference in found if not self.covers(difference)]
        if tries > 1 and not others:
            print(f"{case.name}\n    differs at times: the same in try {tries}", flush=True)
        for other in others:
            print(other, flush=True)
        (self.other if others else self.meant if found else self.same)[case.path] += 1
        self.done += 1
        if self.done % EVERY == 0:
            others_so_far = self.other.total()
            print(f"{self.done} of {self.requests} requests in {self.minutes}; {others_so_far} differ", flush=True)

    def covers(self, difference: Difference) -> bool:
        patterns = {(each.reason, pattern) for each in DELIBERATE if (pattern := each.covering(difference)) is not None}
        self.seen |= patterns
        return bool(patterns)

    @property
    def minutes(self) -> str:
        return f"{(time.monotonic() - self.started) / 60:.1f} minutes"

    def stale(self) -> list[str]:
        """The patterns of the table that no request has come under."""
        return [
            pattern
            for each in DELIBERATE if not each.sometimes
            for pattern in each.cases if (each.reason, pattern) not in self.seen
        ]  # fmt: skip

    def table(self) -> str:
        """As Markdown."""
        lines = [
            "| endpoint | requests | the same | as in the table below | otherwise |",
            "| --- | --- | --- | --- | --- |",
        ]
        for path in dict.fromkeys([*self.same, *self.meant, *self.other]):
            kinds = [kind[path] for kind in (self.same, self.meant, self.other)]
            lines.append(f"| `{path}` | {sum(kinds)} | {' | '.join(map(str, kinds))} |")
        kinds = [kind.total() for kind in (self.same, self.meant, self.other)]
        lines.append(f"| all | {sum(kinds)} | {' | '.join(map(str, kinds))} |")
        return "\n".join(lines)

    def record(self, version: str) -> str:
        """What the page says of a run."""
        day = datetime.now(UTC).date()
        return f"Last run on {day}, with vLLM {version} on a CPU, in {self.minutes}:\n\n{self.table()}"
