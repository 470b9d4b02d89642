"""A frame that is filled is the event with that text, whatever the text."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluice.transport.sse import event
from sluice.wire.template import Frame

HARD = '"\\ \n\n\r\n\t\0\x1c\x7f\x85\u2028\u2029😀 </script> data: [DONE]'


def chunk(text: str) -> dict[str, object]:
    return {"id": "1", "choices": [{"delta": {"content": text}, "finish_reason": None}], "usage": None}


FRAME = Frame(event(json.dumps(chunk(Frame.SLOT)).encode()))


@given(st.text())
@example("")
@example(HARD)
@example(Frame.SLOT)
def test_a_filled_frame_is_the_chunk_with_that_text(text: str) -> None:
    check(FRAME.fill(text), text)


def check(sent: bytes, text: str) -> None:
    assert sent.startswith(b"data: ")
    assert sent.endswith(b"\n\n")
    assert sent.count(b"\n") == 2
    data, blank = sent.decode().splitlines()  # splits at more than SSE does, as some clients do
    assert blank == ""
    assert json.loads(data.removeprefix("data: ")) == chunk(text)


def test_most_text_is_sent_as_it_is() -> None:
    assert "naïve 東京 😀".encode() in FRAME.fill("naïve 東京 😀")


def test_a_frame_has_a_slot_or_more() -> None:
    with pytest.raises(ValueError, match="no place"):
        Frame(b"{}")
    assert json.loads(Frame(json.dumps([Frame.SLOT, 1, Frame.SLOT]).encode()).fill(HARD)) == [HARD, 1, HARD]
