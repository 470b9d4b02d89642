"""Where two answers to one request differ."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.faithful.answer import Answer

CLOSE = 1e-4
"""Two numbers that are not whole, such as logprobs, are the same within this."""
NOISE = frozenset(
    {
        "id", "created", "created_at", "completed_at", "system_fingerprint", "item_id", "call_id", "request_id",
        "signature",
    }
)  # fmt: skip
"""Keys whose values are each server's own."""
ABSENT = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """`at` is the path to a value: its keys and indices, with points between them."""

    case: str
    at: str
    sluice: Any
    vllm: Any

    def __str__(self) -> str:
        return f"{self.case}\n    {self.at}: {shorten(self.sluice)} | vLLM: {shorten(self.vllm)}"


def shorten(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 300 else text[:297] + "…"


def differences(case: str, sluice: Answer, vllm: Answer) -> Iterator[Difference]:
    if sluice.status != vllm.status:
        yield Difference(case, f"status {sluice.status} instead of {vllm.status}", sluice.content, vllm.content)
    elif sluice.status == "200":
        ours, theirs = dict(leaves(sluice.content)), dict(leaves(vllm.content))
        for at in dict.fromkeys([*ours, *theirs]):
            one, other = ours.get(at, ABSENT), theirs.get(at, ABSENT)
            if not same(one, other):
                yield Difference(case, at, one, other)


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """What is not an object or a list, with its path; null is the same as not there."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in NOISE:
                yield from leaves(each, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, f"{at}.{index}")
    elif value is not None:
        yield at, value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=0, abs_tol=CLOSE)
    return type(one) is type(other) and bool(one == other)
