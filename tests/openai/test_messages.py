"""From OpenAI's messages to what a chat template takes."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from sluice.engine.base import Chat
from tests.openai.examples import chat

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


def to_template(message: dict[str, Any]) -> dict[str, Any]:
    (prompt,) = chat(messages=[message]).to_generation("id").prompts
    assert isinstance(prompt, Chat)
    return prompt.messages[0]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": ""},
        {"role": "user", "content": "Hi.", "name": "Ada"},
        {"role": "assistant", "content": "Hello.", "name": "Bob"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1", "name": "weather"},
    ],
)
def test_passes_as_it_is(message: dict[str, Any]) -> None:
    assert to_template(message) == message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "developer", "content": "x"}, {"role": "system", "content": "x"}),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "a\nb"},
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
        ),
        ({"role": "assistant", "content": "x", "tool_calls": []}, {"role": "assistant", "content": "x"}),
        ({"role": "assistant", "refusal": "No."}, {"role": "assistant", "content": "No."}),
    ],
)
def test_is_translated(message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert to_template(message) == expected


def test_an_answer_of_the_sdk_can_be_sent_back() -> None:
    answer = ChatCompletionMessage(role="assistant", content="Hello.").model_dump()
    assert to_template(answer) == {"role": "assistant", "content": "Hello."}
