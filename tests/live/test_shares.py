"""Tenants by what they have had in 15 minutes."""

import asyncio
import hashlib
from typing import Any

import pytest

from sluice.live.shares import STEP_POINTS
from sluice.telemetry.snapshot import HISTORY_POINTS, MOST_SHARES
from tests.live.made import Made


def tenants(number: int) -> list[dict[str, Any]]:
    keys = (hashlib.sha256(b"sk-%d" % each).hexdigest() for each in range(number))
    return [{"name": f"t{each}", "keys": [f"sha256:{key}"]} for each, key in enumerate(keys)]


async def test_they_are_told_with_their_tokens_the_largest_first() -> None:
    made = Made(tenants(3), concurrency=4)
    made.run(5, "t0")
    made.run(50, "t2", prompt_tokens=7)
    told = made.statuses.now().shares
    assert [(s.tenant, s.generated_tokens, s.prompt_tokens, s.running) for s in told] == [
        ("t2", 50, 7, 1),
        ("t0", 5, 10, 1),
    ]


async def test_what_is_longer_ago_is_forgotten() -> None:
    made = Made(tenants(2), concurrency=4)
    made.scheduler.leave(made.run(100, "t0"))
    made.second()
    assert [share.generated_tokens for share in made.statuses.now().shares] == [100]
    for _ in range(HISTORY_POINTS + STEP_POINTS):
        made.second()
    assert made.statuses.now().shares == []
    made.run(1, "t0")
    assert [share.generated_tokens for share in made.statuses.now().shares] == [1]
    assert len(made.statuses.shares.kept) == HISTORY_POINTS // STEP_POINTS


@pytest.mark.parametrize("number", [MOST_SHARES, MOST_SHARES + 5])
async def test_the_small_of_many_are_told_together(number: int) -> None:
    made = Made(tenants(number))
    for each in range(number):
        made.run(each + 1, f"t{each}")
        await asyncio.sleep(0)  # few start in one turn of the loop
    told = made.statuses.now().shares
    assert len(told) == MOST_SHARES + (number > MOST_SHARES)
    assert sum(share.generated_tokens for share in told) == number * (number + 1) // 2
    assert sum(share.running for share in told) == number
    assert [share.tenant for share in told[MOST_SHARES:]] == [None] * (number > MOST_SHARES)
