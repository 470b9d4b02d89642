"""pydantic-ai: an agent with a tool, streamed and whole, and typed answers by a tool and by a schema."""

import asyncio
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel


class Place(BaseModel):
    city: Literal["Oslo", "Paris"]
    warm: bool


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


async def work(model: Any) -> None:
    agent = Agent(model, tools=[get_weather], model_settings={"temperature": 0})
    result = await agent.run("Count from 7 to 12.")
    assert result.output == "7 8 9 10 11 12", result.output
    again = await agent.run("What is the weather in Oslo?", message_history=result.all_messages())
    assert again.output == "The tool says: rain in Oslo", again.output
    assert again.usage.requests == 2
    last = await agent.run("What is 17 + 25?", message_history=again.all_messages())
    assert last.output  # it has not been trained on a question after a tool's round
    async with agent.run_stream("What is the weather in Oslo?") as streamed:
        *_, last = [text async for text in streamed.stream_text(debounce_by=None)]
        assert last == "The tool says: rain in Oslo", last
    for output in (NativeOutput(Place), ToolOutput(Place)):
        typed: Any = Agent(model, output_type=output, model_settings={"temperature": 0})
        assert isinstance((await typed.run("What is the weather in Oslo?")).output, Place), output


async def main() -> None:
    await work(OpenAIChatModel("demo"))
    print("did: over chat: a tool's round in a second turn, a third, streamed, answers typed by a schema and by a tool")
    await work(OpenAIResponsesModel("demo"))
    print("did: the same over responses")


asyncio.run(main())
