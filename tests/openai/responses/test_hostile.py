"""Whatever a body holds: a GenerationRequest, or one InvalidRequest that names the field, soon and in few words."""

import contextlib
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import SHOWN_CHARACTERS, InvalidRequest
from sluice.openai.responses.translation import ResponsesCall
from tests.openai.responses.told import BODY, response

HUGE = "k" * 1_000_000
EMPTY = {"role": "user", "content": ""}
MANY: dict[str, dict[str, Any]] = {
    "empty items": {"input": [{}] * 150_000},
    "short items": {"input": [EMPTY] * 110_000},
    "as many items as may be": {"input": [EMPTY] * 4096},
    "as many calls as may be": {
        "input": [{"type": "function_call", "call_id": "", "name": "", "arguments": ""}] * 4096,
    },
    "numbers for items": {"input": [5] * 200_000},
    "parts": {"input": [EMPTY | {"content": [{}] * 200_000}]},
    "thoughts": {"input": [{"type": "reasoning", "summary": [{}] * 200_000}]},
    "tools": {"tools": [{"type": "x"}] * 100_000},
    "wrong tools": {"tools": [{}] * 200_000},
    "unknown fields of a tool": {"tools": [{"type": "x"} | {f"k{number}": 0 for number in range(60_000)}]},
    "metadata": {"metadata": {f"k{number}": 0 for number in range(60_000)}},
    "include": {"include": ["x"] * 200_000},
}  # fmt: skip


@pytest.mark.parametrize("fields", MANY.values(), ids=MANY)
def test_no_body_is_long_in_reading_or_makes_much_of_itself(fields: dict[str, Any]) -> None:
    body = json.dumps(BODY | fields, separators=(",", ":")).encode()
    begin = time.thread_time()
    with contextlib.suppress(InvalidRequest):
        ResponsesCall.parse(body).to_generation("id")
    assert time.thread_time() - begin < 0.2  # seconds, all in all
    tracemalloc.start()
    try:
        with contextlib.suppress(InvalidRequest):
            ResponsesCall.parse(body)
        assert tracemalloc.get_traced_memory()[1] < 40 * len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "fields",
    [
        {"input": [{"type": HUGE}]},
        {"input": [EMPTY | {"role": HUGE}]},
        {"input": [EMPTY | {"content": [{"type": HUGE}]}]},
        {"tool_choice": {"type": HUGE}},
        {"tool_choice": {"type": "function", "name": HUGE}},
        {"metadata": {HUGE: 1}},
        {"include": [HUGE]},
        {"text": {"format": {"type": HUGE}}},
    ],
    ids=lambda fields: next(iter(fields))[:20],
)
def test_nothing_huge_is_echoed(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as error:
        response(**fields)
    assert HUGE[: SHOWN_CHARACTERS + 1] not in error.value.message
    assert len(error.value.param or "") <= SHOWN_CHARACTERS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "custom_tool_call", "other"])
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "other"])
TEXT = st.fixed_dictionaries({"type": st.sampled_from(["input_text", "output_text", "refusal"]), "text": st.text()})
ITEM = st.fixed_dictionaries(
    {"type": KINDS},
    optional={
        "role": ROLES, "content": st.text() | st.lists(TEXT, max_size=3) | JSON, "call_id": st.text() | JSON,
        "name": st.text() | JSON, "arguments": st.text() | JSON, "output": st.text() | st.lists(TEXT) | JSON,
        "summary": JSON, "status": st.sampled_from(["incomplete", "completed", 5]), "input": st.text(),
    },
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_field(data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(sorted(ResponsesCall.model_fields)), min_size=1, max_size=3))
    fields = {key: data.draw(st.lists(ITEM) | JSON if key == "input" else JSON) for key in keys}
    with contextlib.suppress(InvalidRequest):
        response(**fields).to_generation("id")
