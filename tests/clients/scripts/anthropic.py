"""The anthropic package: messages whole, streamed, async, with tools, thinking, counted tokens, and its errors."""

import asyncio
from typing import Any

import anthropic
from anthropic import Anthropic, AsyncAnthropic

SUM: Any = [{"role": "user", "content": "What is 17 + 25?"}]
OSLO: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"name": "get_weather", "description": "The weather.", "input_schema": SCHEMA}]
COMMON: Any = {"model": "demo", "max_tokens": 60, "extra_body": {"temperature": 0}}


def chat(client: Anthropic) -> None:
    answer = client.messages.create(messages=SUM, system="Be kind.", **COMMON)
    assert text_of(answer) == "42"
    assert answer.stop_reason == "end_turn"
    again = [*SUM, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "What is 1 + 1?"}]
    assert text_of(client.messages.create(messages=again, **COMMON)) == "2"
    counted = client.messages.count_tokens(model="demo", messages=SUM, system="Be kind.")
    used = answer.usage
    cached = (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)
    assert counted.input_tokens == used.input_tokens + cached
    print("did: messages of two turns, count_tokens")


def text_of(answer: Any) -> str:
    return "".join(block.text for block in answer.content if block.type == "text")


def stream(client: Anthropic) -> None:
    with client.messages.stream(messages=SUM, **COMMON) as events:
        assert "".join(events.text_stream) == "42"
        assert events.get_final_message().usage.output_tokens > 0
    print("did: streaming helper")


def tools(client: Anthropic) -> None:
    with client.messages.stream(messages=OSLO, tools=TOOLS, **COMMON) as events:
        streamed = events.get_final_message()
    answer = client.messages.create(messages=OSLO, tools=TOOLS, **COMMON)
    for each in (streamed, answer):
        [call] = (block for block in each.content if block.type == "tool_use")
        assert (call.name, call.input, each.stop_reason) == ("get_weather", {"city": "Oslo"}, "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "5 degrees"}
    told = [*OSLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    assert text_of(client.messages.create(messages=told, tools=TOOLS, **COMMON)) == "The tool says: 5 degrees"
    print("did: a tool's round, whole and streamed")


def runner(client: Anthropic) -> None:
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather.

        Args:
            city: where
        """
        return f"rain in {city}"

    last = client.beta.messages.tool_runner(messages=OSLO, tools=[get_weather], **COMMON).until_done()
    assert text_of(last) == "The tool says: rain in Oslo"
    print("did: tool runner (beta)")


def thinking(client: Anthropic) -> None:
    thinks: Any = {"type": "enabled", "budget_tokens": 1024}
    answer = client.messages.create(model="demo", max_tokens=2048, messages=SUM, thinking=thinks)
    thoughts = [block.thinking for block in answer.content if block.type == "thinking"]
    assert "17 plus 25 is 42." in "".join(thoughts)
    assert text_of(answer).strip() == "42"
    print("did: thinking")


def errors(client: Anthropic) -> None:
    hot: Any = {"extra_body": {"temperature": 9}}
    told = list[str | None]()
    for wrong, kind in (({"model": "nobody"}, anthropic.NotFoundError), (hot, anthropic.BadRequestError)):
        try:
            client.messages.create(messages=SUM, **(COMMON | wrong))
        except kind as error:
            told.append(error.type)
            continue
        raise AssertionError(f"{wrong} is no {kind.__name__}")
    assert told == ["not_found_error", "invalid_request_error"], told
    print("did: errors by their class")


async def asynchronous() -> None:
    async with AsyncAnthropic() as client, client.messages.stream(messages=SUM, **COMMON) as events:
        assert text_of(await events.get_final_message()) == "42"
    print("did: async")


def main() -> None:
    client = Anthropic(max_retries=0)
    for work in (chat, stream, tools, runner, thinking, errors):
        work(client)
    asyncio.run(asynchronous())


main()
