"""What clients put into a conversation, and how much of it a template is to finish."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, chat, user

SPOKEN = {"role": "assistant", "content": "Hi Ada!"}
NAMED = [*user("My name is Ada."), SPOKEN]
ASKED = user("What is my name?")

WRONG_MESSAGES: list[Any] = [[], None, "Hi", [1], [[]], {}, [{}], [{"content": "Hi"}]]
WRONG_CONTENTS: list[Any] = [
    1,
    True,
    {},
    [1],
    ["Hi"],
    [{"type": "text"}],
    [{"text": "Hi"}],
    [{"type": "text", "text": 1}],
]
WRONG_CALLS: list[Any] = [
    [{}],
    [{"id": "a", "type": "function"}],
    [{"id": "a", "type": "function", "function": {"name": "f"}}],
    [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}],
    [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}],
    [{"id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}],
    "call",
]


def after(**more: Any) -> list[dict[str, Any]]:
    """A conversation whose assistant's turn has these keys too."""
    return [NAMED[0], SPOKEN | more, *ASKED]


def cases() -> Iterator[Case]:
    yield from both(
        chat("text parts", messages=[{"role": "user", "content": [{"type": "text", "text": "Spell Oslo."}]}]),
        chat(
            "two text parts",
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "Repeat:"}, {"type": "text", "text": "the cat"}]},
            ],
        ),
        chat("an empty list of parts", messages=[{"role": "user", "content": []}]),
        chat("an empty text", messages=user("")),
        chat("null for a user's content", messages=[{"role": "user", "content": None}]),
        chat("no user's content", messages=[{"role": "user"}]),
        chat("null for an assistant's content", messages=after(content=None)),
        chat("a name", messages=[{"role": "user", "name": "ada", "content": "Spell Oslo."}]),
        chat("a refusal", messages=after(content=None, refusal="No.")),
        chat("a refusal part", messages=after(content=[{"type": "refusal", "refusal": "No."}])),
        chat(
            "nulls that openai's package sends",
            messages=after(
                refusal=None, annotations=None, audio=None, function_call=None, reasoning=None, tool_calls=None
            ),
        ),
        chat("no calls in the list", messages=after(tool_calls=[])),
        chat("litellm's keys", messages=after(provider_specific_fields={"refusal": None}, reasoning_content=None)),
        chat("a key that nobody knows", messages=[{"role": "user", "content": "Spell Oslo.", "nobody": 1}]),
        chat(
            "a key in a part that nobody knows",
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "Spell Oslo.", "nobody": 1}]},
            ],
        ),
        chat(
            "a cache_control",
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Spell Oslo.", "cache_control": {"type": "ephemeral"}}],
                },
            ],
        ),
        chat(
            "a prefill",
            messages=[*user("Count from 7 to 12."), {"role": "assistant", "content": "7 8"}],
            continue_final_message=True,
            add_generation_prompt=False,
        ),
        chat(
            "a prefill without a word on the prompt",
            messages=[*user("Count from 7 to 12."), SPOKEN],
            continue_final_message=True,
        ),
        chat(
            "a prefill and a prompt",
            messages=[*user("Hi"), SPOKEN],
            continue_final_message=True,
            add_generation_prompt=True,
        ),
        chat(
            "a prefill of a user's",
            messages=user("Count from 7 to"),
            continue_final_message=True,
            add_generation_prompt=False,
        ),
        chat("no generation prompt", add_generation_prompt=False),
        chat("the assistant's turn last", messages=NAMED),
        chat("two users' turns", messages=[*user("My name is Ada."), *ASKED]),
        chat("documents", documents=[{"title": "a", "text": "b"}]),
        chat("an empty list of documents", documents=[]),
        chat("a template", chat_template="{{ messages[0].content }}"),
        chat("arguments for the template that are the server's", chat_template_kwargs={"tokenize": True}),
        chat(
            "a tool's result without a call",
            messages=[*user("Hi"), {"role": "tool", "tool_call_id": "x", "content": "5"}],
        ),
        chat("a tool's result without an id", messages=[*user("Hi"), {"role": "tool", "content": "5"}]),
        chat("a long prompt", messages=user("one two " * 300)),
    )
    yield chat("a prompt that is too long", messages=user("one two " * 20_000))
    for role in ("bot", "", None, 1, "function"):
        yield chat(f"the role {role!r}", messages=[{"role": role, "content": "Hi"}])
    for messages in WRONG_MESSAGES:
        yield chat(f"the messages {messages}", messages=messages)
    for content in WRONG_CONTENTS:
        yield chat(f"the content {content}", messages=[{"role": "user", "content": content}])
    for kind in ("image_url", "input_audio", "video_url", "file", "nobody"):
        part = {"type": kind, kind: {"url": "data:,x", "data": "", "format": "wav"}}
        yield chat(f"a part of type {kind}", messages=[{"role": "user", "content": [part]}])
    yield chat("no messages", messages=...)
    for calls in WRONG_CALLS:
        yield chat(f"the calls {calls}", messages=after(tool_calls=calls))
