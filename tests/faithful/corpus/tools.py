"""Tools: called or not, by choice or by force, and what comes back of them."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import TWO, Case, both, chat, user


def tool(name: str, strict: bool | None = None, /, **kinds: str) -> dict[str, Any]:
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": list(kinds), "additionalProperties": False}
    function: dict[str, Any] = {"name": name, "description": f"The tool {name}.", "parameters": parameters}
    return {"type": "function", "function": function | ({} if strict is None else {"strict": strict})}


WEATHER, TIMER = tool("get_weather", city="string"), tool("set_timer", minutes="integer")
STRICT = tool("get_weather", True, city="string")
OSLO, BOTH = "What is the weather in Oslo?", [WEATHER, TIMER]
CALLED: dict[str, Any] = {
    "role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}},
    ],
}  # fmt: skip
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "5 degrees"}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def cases() -> Iterator[Case]:
    for choice in (..., "auto", "none", "required", named("get_weather"), named("set_timer")):
        yield from both(chat(f"tool_choice {choice}", OSLO, tools=BOTH, tool_choice=choice))
    yield from both(
        chat("a tool that is not needed", "What is 17 + 25?", tools=BOTH),
        chat("a strict tool", OSLO, tools=[STRICT]),
        chat("a strict tool that is required", OSLO, tools=[STRICT], tool_choice="required"),
        chat("a strict tool that is named", OSLO, tools=[STRICT], tool_choice=named("get_weather")),
        chat("one call at a time", OSLO, tools=BOTH, parallel_tool_calls=False),
        chat("one required call at a time", OSLO, tools=BOTH, tool_choice="required", parallel_tool_calls=False),
        chat("no tools in the list", OSLO, tools=[]),
        chat("a number as an argument", "Set a timer for 5 minutes.", tools=BOTH),
        chat("a call that is cut", OSLO, tools=BOTH, max_tokens=8),
        chat("a call with logprobs", OSLO, tools=BOTH, logprobs=True),
        chat("a call with ids", OSLO, tools=BOTH, return_token_ids=True),
        chat("two answers with calls", OSLO, tools=BOTH, **TWO),
        chat("a call with thoughts", OSLO, tools=BOTH, chat_template_kwargs={"enable_thinking": True}, max_tokens=90),
        chat("a call with an effort", OSLO, tools=BOTH, reasoning_effort="low", max_tokens=90),
        chat(
            "required with thoughts", OSLO, tools=BOTH, tool_choice="required", reasoning_effort="high", max_tokens=90
        ),
        chat(
            "a tool without parameters",
            "Use run_check.",
            tools=[{"type": "function", "function": {"name": "run_check"}}],
        ),
        chat("no choice and no tools", OSLO, tool_choice="none"),
        chat("after a result", messages=[*user(OSLO), CALLED, RESULT], tools=BOTH),
        chat(
            "after a result in parts",
            messages=[
                *user(OSLO),
                CALLED,
                RESULT | {"content": [{"type": "text", "text": "5 degrees"}]},
            ],
            tools=BOTH,
        ),
        chat(
            "after a call with what clients put into it",
            messages=[
                *user(OSLO),
                CALLED | {"audio": None, "function_call": None, "annotations": None, "refusal": None},
                RESULT,
            ],
            tools=BOTH,
        ),
        chat(
            "after a call with arguments as an object",
            messages=[
                *user(OSLO),
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": {"city": "Oslo"}},
                        },
                    ],
                },
                RESULT,
            ],
            tools=BOTH,
        ),
        chat("a tool that may wait", OSLO, tools=[WEATHER | {"defer_loading": False}]),
        chat("a tool with a key that nobody knows", OSLO, tools=[WEATHER | {"nobody": 1}]),
        chat("tools and a format", OSLO, tools=BOTH, response_format={"type": "json_object"}, max_tokens=20),
    )
