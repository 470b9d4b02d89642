"""From OpenAI's messages to what a chat template takes."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from sluice.engine.base import Chat
from tests.openai.examples import chat

FUNCTION = {"name": "weather", "arguments": '{"city": "Rome"}'}
CALL = {"id": "call_1", "type": "function", "function": FUNCTION}
DROPPED: list[dict[str, Any]] = [
    {"id": "msg_1"}, {"cache_control": {"type": "ephemeral"}}, {"annotations": [{"type": "url_citation"}]},
    {"audio": None}, {"function_call": None}, {"refusal": None}, {"parsed": {"a": 1}}, {"reasoning_content": None},
    {"reasoning_content": ""}, {"reasoning_details": [{"text": "Hm."}]}, {"thinking_blocks": []},
    {"provider_specific_fields": {}},
]  # fmt: skip
"""What changes nothing in an assistant's message."""


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
        ({"role": "assistant", "content": None, "refusal": None}, {"role": "assistant", "content": ""}),
        (
            {
                "role": "assistant",
                "content": [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "Sorry."}],
            },
            {"role": "assistant", "content": "No.\nSorry."},
        ),
        ({"role": "user", "content": []}, {"role": "user", "content": ""}),
        (
            {"role": "assistant", "content": [], "tool_calls": [CALL]},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
        ),
        (
            {"role": "tool", "content": [], "tool_call_id": "call_1"},
            {"role": "tool", "content": "", "tool_call_id": "call_1"},
        ),
        (
            {"role": "assistant", "reasoning_content": "Hm.", "content": None},
            {"role": "assistant", "content": "", "reasoning": "Hm."},
        ),
        (
            {"role": "assistant", "reasoning": "Hm.", "content": "x"},
            {"role": "assistant", "content": "x", "reasoning": "Hm."},
        ),
        *[
            ({"role": "assistant", "content": "x"} | dropped, {"role": "assistant", "content": "x"})
            for dropped in DROPPED
        ],
        (
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": "a"},
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [CALL | {"index": 0, "function": FUNCTION | {"parsed_arguments": {"city": "Rome"}}}],
            },
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
        ),
    ],
)
def test_is_translated(message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert to_template(message) == expected


def test_an_answer_of_the_sdk_can_be_sent_back() -> None:
    answer = ChatCompletionMessage(role="assistant", content="Hello.").model_dump()
    assert to_template(answer) == {"role": "assistant", "content": "Hello."}
