"""`/v1/messages` and `/v1/messages/count_tokens`, in Anthropic's words."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, given, user

WEATHER = {
    "name": "get_weather", "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}  # fmt: skip
OSLO = user("What is the weather in Oslo?")
CALLED = {"role": "assistant", "content": [
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
]}  # fmt: skip


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": content} | more]}


def message(name: str, text: str = "Count from 7 to 12.", /, **fields: Any) -> Case:
    body = {"model": "demo", "max_tokens": 60, "messages": user(text), "temperature": 0} | fields
    return Case(f"message {name}", "/v1/messages", given(body))


def count(name: str, **fields: Any) -> Case:
    body = {"model": "demo", "messages": user("Count from 7 to 12.")} | fields
    return Case(f"count_tokens {name}", "/v1/messages/count_tokens", given(body))


def cases() -> Iterator[Case]:
    yield from both(
        message("plain"),
        message("in parts", messages=[{"role": "user", "content": [{"type": "text", "text": "Spell Oslo."}]}]),
        message("with a system prompt", system="Be kind."),
        message(
            "with system blocks", system=[{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
        ),
        message("to the limit", "Count from 1 to 40.", max_tokens=5),
        message("with stops", stop_sequences=["10"]),
        message("with a sampled answer", temperature=1.0, top_p=0.9, top_k=1),
        message("with metadata", metadata={"user_id": "ada"}),
        message("with a tool", tools=[WEATHER], messages=OSLO),
        message("with a tool that is not needed", "What is 17 + 25?", tools=[WEATHER]),
        message("with any tool", tools=[WEATHER], messages=OSLO, tool_choice={"type": "any"}),
        message(
            "with a named tool", tools=[WEATHER], messages=OSLO, tool_choice={"type": "tool", "name": "get_weather"}
        ),
        message("with no tool", tools=[WEATHER], messages=OSLO, tool_choice={"type": "none"}),
        message("with the choice auto", tools=[WEATHER], messages=OSLO, tool_choice={"type": "auto"}),
        message("after a result", tools=[WEATHER], messages=[*OSLO, CALLED, result("5 degrees")]),
        message(
            "after a result in blocks",
            tools=[WEATHER],
            messages=[
                *OSLO,
                CALLED,
                result([{"type": "text", "text": "5 degrees"}]),
            ],
        ),
        message(
            "after a result that is an error", tools=[WEATHER], messages=[*OSLO, CALLED, result("no", is_error=True)]
        ),
        message("with thoughts", "What is 17 + 25?", chat_template_kwargs={"enable_thinking": True}),
        message(
            "with thinking", "What is 17 + 25?", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000
        ),
        message("a prefill", messages=[*user("Count from 7 to 12."), {"role": "assistant", "content": "7 8"}]),
        message(
            "three turns",
            messages=[
                *user("My name is Ada."),
                {"role": "assistant", "content": "Hi!"},
                *user("What is my name?"),
            ],
        ),
    )
    for field, values in WRONG.items():
        for value in values:
            yield message(f"{field}: {value!r}", **{field: value})
    yield count("plain")
    yield count("with a system prompt", system="Be kind.")
    yield count("with a tool", tools=[WEATHER])
    yield count("after a result", tools=[WEATHER], messages=[*OSLO, CALLED, result("5 degrees")])
    yield count("without messages", messages=...)
    yield count("of a model that is not there", model="nobody")


WRONG: dict[str, list[Any]] = {
    "model": [..., "nobody", 1],
    "max_tokens": [..., 0, -1, "x", 100_000],
    "messages": [..., [], "x", [{"role": "bot", "content": "x"}], [{"role": "user"}], user("one two " * 20_000)],
    "temperature": [-1, "x", 3],
    "top_p": [2, -1],
    "top_k": [-2],
    "stop_sequences": ["x", [1]],
    "tools": ["x", [{}], [{"name": "f"}]],
    "tool_choice": [{"type": "nobody"}, "auto", {"type": "tool"}],
    "stream": ["x"],
    "system": [1],
}
