"""Where Sluice answers otherwise than `vllm serve` and is meant to."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.faithful.compare import Difference


@dataclass(frozen=True)
class Deliberate:
    """`case` and `at` are patterns of a difference's, with `*` for anything; `[` stands for itself."""

    case: str
    at: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        return matches(difference.case, self.case) and matches(difference.at, self.at)


def matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


DELIBERATE: tuple[Deliberate, ...] = ()
