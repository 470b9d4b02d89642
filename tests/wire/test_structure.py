"""Bodies are counted before they are read; what is in a text counts for nothing."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidRequest
from sluice.wire.structure import (
    LONGEST_NUMBER,
    MOST_ENTRIES,
    MOST_LEVELS,
    MOST_VALUES,
    SHORT_BODY_BYTES,
    check_structure,
    levels,
    outside_texts,
)

TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
JSON: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.text(alphabet='[]{}",\\\né0'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\'), inner, max_size=3),
)


def depth(value: Any) -> int:
    inside = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


@given(JSON, st.booleans())
def test_texts_are_told_from_the_rest(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()
    assert outside_texts(body) == (TEXT.sub(b"", body), len(TEXT.findall(body)))
    assert levels(outside_texts(body)[0]) == depth(value)


LONG = b'{"a": "' + b" " * SHORT_BODY_BYTES + b'", "b": %b}'
WHOLE = MOST_VALUES - 5  # without the object, its keys, the text and the list


@pytest.mark.parametrize(
    ("fits", "too_much", "said"),
    [
        (b"[" + b"[]," * (WHOLE - 1) + b"[]]", b"[" + b"[]," * WHOLE + b"[]]", f"lists: {MOST_VALUES} "),
        (b"[" + b'"",' * (WHOLE - 1) + b'""]', b"[" + b'"",' * WHOLE + b'""]', f"lists: {MOST_VALUES} "),
        (b"[" + b'"",' * (WHOLE - 1) + b'""]', b"[" + b'"",' * 2 * WHOLE + b'""]', f"lists: {MOST_VALUES} "),
        (b"[" + b"0," * (MOST_ENTRIES - 2) + b"0]", b"[" + b"0," * (MOST_ENTRIES - 1) + b"0]", f"{MOST_ENTRIES} "),
        (b"9" * LONGEST_NUMBER, b"9" * (LONGEST_NUMBER + 1), f"{LONGEST_NUMBER} digits"),
        (b"[" * 63 + b"]" * 63, b"[" * 64 + b"]" * 64, f"{MOST_LEVELS} levels"),
        (b'{"a":' * 62 + b"{}" + b"}" * 62, b'{"a":' * 63 + b"{}" + b"}" * 63, f"{MOST_LEVELS} levels"),
    ],
    ids=["lists", "texts", "many texts", "entries", "digits", "levels", "levels of objects"],
)
def test_the_limits_are_exact(fits: bytes, too_much: bytes, said: str) -> None:
    check_structure(LONG % fits)
    with pytest.raises(InvalidRequest, match=said):
        check_structure(LONG % too_much)
    check_structure(LONG % json.dumps(too_much.decode()).encode())  # as a text


def test_a_short_body_has_its_levels_counted() -> None:
    check_structure(b'{"a": "' + b"[" * 100 + b'"}')
    with pytest.raises(InvalidRequest, match=f"{MOST_LEVELS} levels"):
        check_structure(b'{"a": ' + b"[" * 64)
