"""Haystack: a chat generator whole and streamed, typed answers, an agent with a tool, in its pipeline."""

from typing import Annotated, Any, Literal

from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.tools import tool
from pydantic import BaseModel


class Place(BaseModel):
    """A place."""

    city: Literal["Oslo", "Paris"]
    warm: bool


@tool
def get_weather(city: Annotated[str, "where"]) -> str:
    """The weather."""
    return f"rain in {city}"


def generator(kind: Any = OpenAIChatGenerator, **more: Any) -> Any:
    return kind(model="demo", max_retries=0, generation_kwargs={"temperature": 0} | more)


def main() -> None:
    prompt = ChatPromptBuilder([ChatMessage.from_user("Count from 7 to {{last}}.")])
    pipeline = Pipeline()
    pipeline.add_component("prompt", prompt)
    pipeline.add_component("llm", generator())
    pipeline.connect("prompt.prompt", "llm.messages")
    [answer] = pipeline.run({"prompt": {"last": 12}})["llm"]["replies"]
    assert answer.text == "7 8 9 10 11 12", answer
    print("did: a pipeline with a chat generator")
    pieces = list[str]()

    def note(chunk: StreamingChunk) -> None:
        pieces.append(chunk.content)

    oslo = [ChatMessage.from_user("What is the weather in Oslo?")]
    for kind in (OpenAIChatGenerator, OpenAIResponsesChatGenerator):
        pieces.clear()
        generator(kind).run([ChatMessage.from_user("Count from 7 to 12.")], streaming_callback=note)
        assert "".join(pieces) == "7 8 9 10 11 12", pieces
        for callback in (None, note):
            last = Agent(chat_generator=generator(kind), tools=[get_weather], streaming_callback=callback).run(oslo)
            assert last["messages"][-1].text == "The tool says: rain in Oslo", last
        print(f"did: {kind.__name__}: streamed, an agent with a tool whole and streamed")
    [typed] = generator(response_format=Place).run(oslo)["replies"]
    assert Place.model_validate_json(typed.text), typed
    print("did: structured output")


main()
