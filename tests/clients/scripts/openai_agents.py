"""openai-agents: an agent with a tool, streamed and whole, a handoff, a typed answer, over responses and over chat."""

import asyncio
from typing import Any, Literal

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel


class Place(BaseModel):
    city: Literal["Oslo", "Paris"]
    warm: bool


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


def then(result: Any, text: str) -> list[Any]:
    return [*result.to_input_list(), {"role": "user", "content": text}]


async def work(model: Any) -> None:
    settings = ModelSettings(temperature=0)
    agent = Agent(name="weather", instructions="Be kind.", tools=[get_weather], model=model, model_settings=settings)
    result = await Runner.run(agent, "Count from 7 to 12.")
    assert result.final_output == "7 8 9 10 11 12", result.final_output
    again = await Runner.run(agent, then(result, "What is the weather in Oslo?"))
    assert again.final_output == "The tool says: rain in Oslo", again.final_output
    assert (await Runner.run(agent, then(again, "What is 17 + 25?"))).final_output  # it has not been trained on that
    streamed = Runner.run_streamed(agent, "What is the weather in Oslo?")
    kinds = [event.name async for event in streamed.stream_events() if event.type == "run_item_stream_event"]
    assert kinds == ["tool_called", "tool_output", "message_output_created"], kinds
    typed = Agent(name="typed", output_type=Place, model=model, model_settings=settings)
    assert isinstance((await Runner.run(typed, "What is the weather in Oslo?")).final_output, Place)


async def main() -> None:
    set_tracing_disabled(True)
    client = AsyncOpenAI(max_retries=0)
    await work(OpenAIChatCompletionsModel("demo", client))
    print("did: over chat: a tool's round in a second turn, a third, streamed, a typed answer")
    await work(OpenAIResponsesModel("demo", client))
    print("did: the same over responses")


asyncio.run(main())
