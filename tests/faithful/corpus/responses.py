"""`/v1/responses`."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, given
from tests.faithful.corpus.structured import SCHEMA

WEATHER = {
    "type": "function", "name": "get_weather", "description": "The weather.", "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}  # fmt: skip
OSLO = "What is the weather in Oslo?"
CALLED = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Oslo"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "5 degrees"}
ASKED = {"role": "user", "content": OSLO}


def response(name: str, text: Any = "Count from 7 to 12.", /, **fields: Any) -> Case:
    body = {"model": "demo", "input": text, "temperature": 0, "max_output_tokens": 60, "store": False} | fields
    return Case(f"response {name}", "/v1/responses", given(body))


def cases() -> Iterator[Case]:
    yield from both(
        response("plain"),
        response("with instructions", instructions="Be kind."),
        response("of messages", [{"role": "user", "content": "Spell Oslo."}]),
        response("of messages with a type", [{"type": "message", "role": "user", "content": "Spell Oslo."}]),
        response("of parts", [{"role": "user", "content": [{"type": "input_text", "text": "Spell Oslo."}]}]),
        response(
            "of a developer's message",
            [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        ),
        response("to the limit", "Count from 1 to 40.", max_output_tokens=5),
        response("sampled", temperature=1.5, top_k=1),
        response("with a tool", OSLO, tools=[WEATHER]),
        response("with a tool that is not needed", "What is 17 + 25?", tools=[WEATHER]),
        response("with the choice auto", OSLO, tools=[WEATHER], tool_choice="auto"),
        response("with the choice none", OSLO, tools=[WEATHER], tool_choice="none"),
        response("with the choice required", OSLO, tools=[WEATHER], tool_choice="required"),
        response("with a named tool", OSLO, tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}),
        response("after a result", [ASKED, CALLED, RESULT], tools=[WEATHER]),
        response("with an effort", "What is 17 + 25?", reasoning={"effort": "low"}),
        response("with thoughts", "What is 17 + 25?", chat_template_kwargs={"enable_thinking": True}),
        response("of a schema", "Oslo", text={"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}),
        response("of a text", text={"format": {"type": "text"}}),
        response(
            "after an answer",
            [
                {"role": "user", "content": "My name is Ada."},
                {
                    "type": "message",
                    "role": "assistant",
                    "id": "msg_1",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "Hi!", "annotations": []}],
                },
                {"role": "user", "content": "What is my name?"},
            ],
        ),
        response("with metadata", metadata={"a": "b"}, user="ada"),
        response("with logprobs", include=["message.output_text.logprobs"], top_logprobs=2),
    )
    for field, values in WRONG.items():
        for value in values:
            yield response(f"{field}: {value!r}", **{field: value})


WRONG: dict[str, list[Any]] = {
    "model": ["nobody", 1],
    "input": [..., None, 1, [{"role": "bot", "content": "x"}], "one two " * 20_000],
    "temperature": [-1, "x", 3],
    "top_p": [2],
    "max_output_tokens": [0, -1, "x"],
    "tools": ["x", [{}]],
    "tool_choice": ["nobody"],
    "stream": ["x"],
    "previous_response_id": ["resp_nobody"],
    "background": [True],
}
