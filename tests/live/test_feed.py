"""What is told is encoded once, for all who watch, and not at all if nobody does."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

from sluice.live.feed import Feed
from tests.live.made import Made


def parsed(event: bytes) -> tuple[str, Any]:
    name, data, *rest = event.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_a_viewer_gets_the_history_then_the_present_then_what_is_new() -> None:
    made = Made(concurrency=4)
    made.run(5)
    made.second()
    feed = Feed(made.statuses)
    async with aclosing(feed.events()) as events:
        name, history = parsed(await anext(events))
        assert (name, history["columns"]["tokens"]) == ("history", [5])
        name, status = parsed(await anext(events))
        assert (name, status["latest"]["tokens"], status["viewers"]) == ("status", 5, 1)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not waiting.done()
        made.life.phase, made.life.reason = "draining", "It ends."
        feed.tell()
        _, status = parsed(await waiting)
        assert (status["phase"], status["reason"]) == ("draining", "It ends.")
    assert made.statuses.viewers == 0


async def test_all_viewers_share_what_is_encoded_and_nobody_pays_for_none() -> None:
    made = Made()
    feed = Feed(made.statuses)
    for _ in range(3):
        made.second()
        feed.tell()
        assert feed.encoded == {}
    viewers = [feed.events() for _ in range(100)]
    for _ in range(2):  # the history, then the status
        got = [await anext(events) for events in viewers]
        assert len(set(map(id, got))) == 1
    for events in viewers:
        await events.aclose()
    feed.tell()
    assert feed.encoded == {}


async def test_a_slow_viewer_misses_what_was_meanwhile() -> None:
    made = Made()
    feed = Feed(made.statuses)
    async with aclosing(feed.events()) as events:
        await anext(events)
        await anext(events)
        for _ in range(50):
            made.second()
            feed.tell()
        _, status = parsed(await anext(events))
        assert status["at"] == made.clock.now


async def test_the_stream_ends_with_the_servers_life() -> None:
    made = Made()
    feed = Feed(made.statuses)
    made.life.phase, made.life.reason, made.life.is_over = "failed", "There is no such model.", True
    told = [parsed(event) async for event in feed.events()]
    assert [name for name, _ in told] == ["history", "status"]
    assert told[-1][1]["reason"] == "There is no such model."
