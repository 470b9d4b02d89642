"""LangChain over its packages for OpenAI and Anthropic: an agent, streaming, structured output, batches, async."""

import asyncio
from typing import Any, Literal

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

OSLO: Any = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]}


class Place(BaseModel):
    """A place."""

    city: Literal["Oslo", "Paris"]
    warm: bool


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


def model(**more: Any) -> ChatOpenAI:
    return ChatOpenAI(model="demo", temperature=0, max_retries=0, **more)


def chat() -> None:
    answer = model().invoke("What is 17 + 25?")
    assert answer.content == "42"
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] > 0
    assert [each.content for each in model().batch(["What is 1 + 1?", "What is 2 + 2?"])] == ["2", "4"]
    print("did: chat, batch")


def stream() -> None:
    chunks = list(model(stream_usage=True).stream("Count from 7 to 12."))
    assert "".join(str(chunk.content) for chunk in chunks) == "7 8 9 10 11 12"
    assert any(chunk.usage_metadata for chunk in chunks)
    print("did: streaming with usage")


def structured() -> None:
    for method in ("json_schema", "function_calling"):
        held: Any = model().with_structured_output(Place, method=method)
        assert isinstance(held.invoke("What is the weather in Oslo?"), Place), method
    print("did: structured output by schema and by a function")


def claude() -> Any:
    return ChatAnthropic(model="demo", temperature=0, max_tokens=100, max_retries=0)


def agent(thinks: Any) -> None:
    acts = create_agent(thinks, tools=[get_weather], system_prompt="Be kind.")
    last = acts.invoke(OSLO)["messages"][-1]
    assert last.text == "The tool says: rain in Oslo", last
    told = [chunk.text for chunk, _ in acts.stream(OSLO, stream_mode="messages") if chunk.type == "AIMessageChunk"]
    assert "".join(told) == "The tool says: rain in Oslo", told


async def asynchronous() -> None:
    assert (await model().ainvoke("What is 17 + 25?")).content == "42"
    print("did: async")


def main() -> None:
    chat()
    stream()
    structured()
    agent(model())
    print("did: agent with a tool, whole and streamed")
    asyncio.run(asynchronous())
    agent(model(use_responses_api=True))
    print("did: the same agent over responses")
    agent(claude())
    assert isinstance(claude().with_structured_output(Place).invoke("What is the weather in Oslo?"), Place)
    print("did: the same agent over messages, and structured output")


main()
