"""What becomes of tokens when the event loop is late: one write for several events, or one event for several tokens."""

import asyncio
import json
from typing import Any

from sluice.api.sinks import StreamSink
from sluice.engine.base import Delta, Pace, TokenLogprob
from sluice.wire.endpoint import Encoder
from tests.openai.examples import ABOUT, chat


class Written:
    """Stands where the stream is."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.again = asyncio.Event()

    def write(self, events: bytes) -> None:
        self.writes.append(events)
        self.again.set()

    write_last = write

    def texts(self) -> list[list[str]]:
        """Of each write, the text of each event."""
        parts = [write.decode().removesuffix("\n\n").split("\n\n") for write in self.writes]
        events = [[json.loads(part.removeprefix("data: ")) for part in write] for write in parts]
        return [
            ["".join(choice["delta"].get("content", "") for choice in event["choices"]) for event in w] for w in events
        ]


def sink(coalesce: bool) -> tuple[StreamSink, Written, Pace]:
    encoder: Encoder = chat(stream=True).encoder(ABOUT)
    written, late = Written(), Pace()
    stream: Any = written
    return StreamSink(0, encoder, stream, late, coalesce), written, late


async def test_in_time_each_token_is_a_write() -> None:
    tokens, written, _ = sink(coalesce=True)
    for text in "abc":
        tokens.put(Delta(text, 1))
    assert written.texts() == [["a"], ["b"], ["c"]]


async def test_late_tokens_share_a_write_and_stay_events_of_their_own() -> None:
    tokens, written, late = sink(coalesce=False)
    late.is_late = True
    for text in "abc":
        tokens.put(Delta(text, 1))
    late.is_late = False
    tokens.put(Delta("d", 1))
    tokens.put(Delta("e", 1))
    assert written.texts() == [["a"], ["b", "c", "d"], ["e"]]
    assert tokens.timer is None


async def test_coalesced_tokens_share_an_event_but_for_the_first() -> None:
    tokens, written, late = sink(coalesce=True)
    late.is_late = True
    for text in "abc":
        tokens.put(Delta(text, 1, None, (TokenLogprob(text, -0.5),)))
    late.is_late = False
    tokens.put(Delta("d", 1, "stop", (TokenLogprob("d", -0.5),)))
    assert written.texts() == [["a"], ["bcd"]]
    event = json.loads(written.writes[1].removeprefix(b"data: "))["choices"][0]
    assert event["finish_reason"] == "stop"
    assert [entry["token"] for entry in event["logprobs"]["content"]] == ["b", "c", "d"]


async def test_nothing_is_held_for_longer_than_it_may() -> None:
    for coalesce in (False, True):
        tokens, written, late = sink(coalesce)
        late.is_late = True
        tokens.put(Delta("a", 1))
        tokens.put(Delta("b", 1))
        assert written.texts() == [["a"]]
        written.again.clear()
        await asyncio.wait_for(written.again.wait(), 60)
        assert written.texts() == [["a"], ["b"]]


async def test_the_end_leaves_nothing_behind() -> None:
    tokens, written, late = sink(coalesce=True)
    late.is_late = True
    tokens.put(Delta("a", 1))
    tokens.put(Delta("b", 1, "stop"))
    tokens.flush()
    tokens.flush()
    assert written.texts() == [["a"], ["b"]]
    assert tokens.timer is None
