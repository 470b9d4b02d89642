"""What clients put into a conversation, and how much of it a template is to finish."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, chat, user

SPOKEN = {"role": "assistant", "content": "Hi Ada!"}
NAMED = [*user("My name is Ada."), SPOKEN]
ASKED = user("What is my name?")
SPELL = {"type": "text", "text": "Spell Oslo."}
OF_OPENAI = ("refusal", "annotations", "audio", "function_call", "reasoning", "tool_calls")

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


def said(content: Any, **more: Any) -> list[dict[str, Any]]:
    """A user's turn."""
    return [{"role": "user", "content": content} | more]


def cases() -> Iterator[Case]:
    yield from both(*of_a_user(), *of_an_assistant(), *prefills(), *for_the_template(), *results())
    yield from wrong()


def of_a_user() -> Iterator[Case]:
    yield chat("text parts", messages=said([SPELL]))
    yield chat("two text parts", messages=said([{"type": "text", "text": text} for text in ("Repeat:", "the cat")]))
    yield chat("an empty list of parts", messages=said([]))
    yield chat("an empty text", messages=user(""))
    yield chat("null for a user's content", messages=said(None))
    yield chat("no user's content", messages=[{"role": "user"}])
    yield chat("a name", messages=said("Spell Oslo.", name="ada"))
    yield chat("a key that nobody knows", messages=said("Spell Oslo.", nobody=1))
    yield chat("a key in a part that nobody knows", messages=said([SPELL | {"nobody": 1}]))
    yield chat("a cache_control", messages=said([SPELL | {"cache_control": {"type": "ephemeral"}}]))
    yield chat("a long prompt", messages=user("one two " * 300))
    yield chat("two users' turns", messages=[*user("My name is Ada."), *ASKED])


def of_an_assistant() -> Iterator[Case]:
    yield chat("null for an assistant's content", messages=after(content=None))
    yield chat("a refusal", messages=after(content=None, refusal="No."))
    yield chat("a refusal part", messages=after(content=[{"type": "refusal", "refusal": "No."}]))
    yield chat("nulls that openai's package sends", messages=after(**dict.fromkeys(OF_OPENAI)))
    yield chat("no calls in the list", messages=after(tool_calls=[]))
    litellms = {"provider_specific_fields": {"refusal": None}, "reasoning_content": None}
    yield chat("litellm's keys", messages=after(**litellms))
    yield chat("the assistant's turn last", messages=NAMED)


def prefills() -> Iterator[Case]:
    counting = [*user("Count from 7 to 12."), {"role": "assistant", "content": "7 8"}]
    whole: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
    yield chat("a prefill", messages=counting, **whole)
    yield chat("a prefill without a word on the prompt", messages=counting, continue_final_message=True)
    yield chat("a prefill and a prompt", messages=counting, continue_final_message=True, add_generation_prompt=True)
    yield chat("a prefill of a user's", messages=user("Count from 7 to"), **whole)
    yield chat("no generation prompt", add_generation_prompt=False)


def for_the_template() -> Iterator[Case]:
    yield chat("documents", documents=[{"title": "a", "text": "b"}])
    yield chat("an empty list of documents", documents=[])
    yield chat("a template", chat_template="{{ messages[0].content }}")
    yield chat("arguments for the template that are the server's", chat_template_kwargs={"tokenize": True})


def results() -> Iterator[Case]:
    result = {"role": "tool", "content": "5"}
    yield chat("a tool's result without a call", messages=[*user("Hi"), result | {"tool_call_id": "x"}])
    yield chat("a tool's result without an id", messages=[*user("Hi"), result])


def wrong() -> Iterator[Case]:
    yield chat("a prompt that is too long", messages=user("one two " * 20_000))
    for role in ("bot", "", None, 1, "function"):
        yield chat(f"the role {role!r}", messages=[{"role": role, "content": "Hi"}])
    for messages in WRONG_MESSAGES:
        yield chat(f"the messages {messages}", messages=messages)
    for content in WRONG_CONTENTS:
        yield chat(f"the content {content}", messages=said(content))
    for kind in ("image_url", "input_audio", "video_url", "file", "nobody"):
        part = {"type": kind, kind: {"url": "data:,x", "data": "", "format": "wav"}}
        yield chat(f"a part of type {kind}", messages=said([part]))
    yield chat("no messages", messages=...)
    for calls in WRONG_CALLS:
        yield chat(f"the calls {calls}", messages=after(tool_calls=calls))
