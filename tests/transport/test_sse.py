"""Events hold one line each, whatever the text."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from sluice.transport.sse import event, named_event

HARD = '"\\ \n\n\r\n\t\0\x1c\x7f\x85\u2028\u2029😀 </script> data: [DONE]'


@given(st.text())
@example(HARD)
def test_an_event_is_one_line(text: str) -> None:
    sent = event(json.dumps(text, ensure_ascii=False).encode())
    data, blank = sent.decode().splitlines()  # splits at more than SSE does, as some clients do
    assert (blank, sent[-2:], sent.count(b"\n")) == ("", b"\n\n", 2)
    assert json.loads(data.removeprefix("data: ")) == text


@given(st.text())
@example(HARD)
def test_a_named_event_is_an_event_behind_its_name(text: str) -> None:
    data = json.dumps(text, ensure_ascii=False).encode()
    assert named_event("content_block_delta", data) == b"event: content_block_delta\n" + event(data)
