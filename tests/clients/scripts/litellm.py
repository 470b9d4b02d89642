"""litellm: chats, tools, thinking, text and its errors, over its routes for OpenAI, for vLLM and for Anthropic."""

import asyncio
import json
import os
from typing import Any

import litellm
from litellm import acompletion, completion, stream_chunk_builder, text_completion

SUM = [{"role": "user", "content": "What is 17 + 25?"}]
OSLO = [{"role": "user", "content": "What is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}}]
URL = os.environ["OPENAI_BASE_URL"]


def ask(messages: list[Any], route: str = "openai", **more: Any) -> Any:
    where = {} if route == "anthropic" else {"api_base": URL, "api_key": "none"}
    return completion(f"{route}/demo", messages=messages, temperature=0, max_tokens=60, num_retries=0, **where, **more)


def chats(route: str) -> None:
    assert ask(SUM, route).choices[0].message.content.strip() == "42"
    whole = stream_chunk_builder(list(ask(SUM, route, stream=True)))
    assert whole
    assert whole.choices[0].message.content.strip() == "42"
    answer = ask(OSLO, route, tools=TOOLS).choices[0]
    [call] = answer.message.tool_calls
    assert answer.finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    result = {"role": "tool", "tool_call_id": call.id, "name": "get_weather", "content": "5 degrees"}
    told = ask([*OSLO, answer.message.model_dump(), result], route, tools=TOOLS)
    assert told.choices[0].message.content == "The tool says: 5 degrees", told
    print(f"did: {route}: whole, streamed, a tool's round")


def thinking() -> None:
    answer = ask(SUM, "hosted_vllm", reasoning_effort="low").choices[0].message
    assert answer.reasoning_content.strip() == "17 plus 25 is 42.", answer
    again = [*SUM, answer.model_dump(), {"role": "user", "content": "What is 1 + 1?"}]
    assert ask(again, "hosted_vllm").choices[0].message.content == "2"
    print("did: thinking, and the thoughts sent back")


def errors() -> None:
    kinds = litellm.exceptions
    long = [{"role": "user", "content": "one two " * 20_000}]
    for messages, more, kind in (
        (SUM, {"top_p": 9}, kinds.BadRequestError),
        (long, {}, kinds.ContextWindowExceededError),
    ):
        try:
            ask(messages, **more)
        except kind:
            continue
        raise AssertionError(f"no {kind.__name__}")
    print("did: errors by their class, a context that is too long among them")


async def asynchronous() -> None:
    answer: Any = await acompletion("openai/demo", messages=SUM, api_base=URL, api_key="none", temperature=0)
    assert answer.choices[0].message.content == "42"
    text: Any = text_completion(
        model="text-completion-openai/demo", prompt="1 2 3", api_base=URL, api_key="none", max_tokens=3
    )
    assert text.choices[0].text
    print("did: async, text completion")


def main() -> None:
    for route in ("openai", "hosted_vllm"):
        chats(route)
    thinking()
    errors()
    asyncio.run(asynchronous())
    chats("anthropic")


main()
