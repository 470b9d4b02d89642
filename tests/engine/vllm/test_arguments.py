"""Long arguments of tool calls are what vLLM makes of them, and other threads run while they are read."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.engine.base import Chat
from sluice.engine.vllm.arguments import LONG_CHARACTERS, read, with_objects
from sluice.engine.vllm.renderer import Renderer

TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXT, inside, max_size=3),
    max_leaves=10,
)


def called(arguments: str) -> list[dict[str, Any]]:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "user", "content": "a"}]


@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_an_object(arguments: dict[str, Any]) -> None:
    assert read(json.dumps(arguments)) == arguments
    assert read(json.dumps(arguments, ensure_ascii=False, indent=1)) == arguments


@pytest.mark.parametrize("arguments", ["", "[1]", "7", "null", "{", '{"a": 1} 2', "{'a': 1}", '{"a": 01}'])
def test_what_is_none(arguments: str) -> None:
    assert read(arguments) == {}


def test_short_ones_are_left_to_vllm() -> None:
    messages = called(json.dumps({"a": "b"}))
    assert with_objects(messages) == messages


LONG = (json.dumps({"a": "b " * LONG_CHARACTERS, "c": [1, None, "é"]}), "[" + "1," * LONG_CHARACTERS + "1]")


@pytest.mark.parametrize("text", LONG, ids=range(2))
def test_both_are_rendered_alike(demo_renderer: Any, text: str) -> None:
    renderer = Renderer(demo_renderer)
    expected = json.loads(text)
    asked = Chat(called(text))
    found = renderer.write(asked)
    assert asked.messages == called(text), "it is the client's"
    as_object = called(text)
    as_object[0]["tool_calls"][0]["function"]["arguments"] = expected if isinstance(expected, dict) else {}
    assert found == renderer.write(Chat(as_object))


def test_other_threads_run() -> None:
    """The interpreter's lock is asked for every 5 ms; json.loads gives it to nobody before its end."""
    turns, done = list[int](), threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            turns.append(1)

    watching = threading.Thread(target=watch)
    watching.start()
    read('{"a": [' + "{}," * 300_000 + "1]}")
    seen = len(turns)
    done.set()
    watching.join()
    assert seen > 10
