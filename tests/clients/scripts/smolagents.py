"""smolagents: its model whole and streamed, and an agent that calls a tool until it has an answer."""

import os
from typing import Any

from smolagents import ChatMessage, OpenAIModel, tool


@tool
def get_weather(city: str) -> str:
    """The weather.

    Args:
        city: where
    """
    return f"rain in {city}"


def user(text: str) -> Any:
    return ChatMessage(role="user", content=[{"type": "text", "text": text}])


def main() -> None:
    url = os.environ["OPENAI_BASE_URL"]
    model = OpenAIModel("demo", api_base=url, api_key="none", temperature=0, client_kwargs={"max_retries": 0})
    assert model.generate([user("Count from 7 to 12.")]).content == "7 8 9 10 11 12"
    streamed = model.generate_stream([user("Count from 7 to 12.")])
    assert "".join(each.content or "" for each in streamed) == "7 8 9 10 11 12"
    print("did: its model, whole and streamed")
    answer = model.generate([user("What is the weather in Oslo?")], tools_to_call_from=[get_weather])
    [call] = answer.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Oslo"}'), call
    print("did: a tool's call")


main()
