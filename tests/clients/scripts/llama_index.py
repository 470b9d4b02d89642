"""LlamaIndex: chat, completion, streaming, an agent with a tool, structured output."""

import asyncio
import os
from typing import Any, Literal

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


class Place(BaseModel):
    """A place."""

    city: Literal["Oslo", "Paris"]
    warm: bool


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


def model() -> Any:
    return OpenAILike(
        model="demo", api_base=os.environ["OPENAI_BASE_URL"], api_key="none", is_chat_model=True, temperature=0,
        is_function_calling_model=True, max_retries=0, context_window=4096,
    )  # fmt: skip


async def agent() -> None:
    acts = FunctionAgent(tools=[FunctionTool.from_defaults(get_weather)], llm=model(), system_prompt="Be kind.")
    said = str(await acts.run("What is the weather in Oslo?"))
    assert said == "The tool says: rain in Oslo", said
    print("did: agent with a tool")


def main() -> None:
    llm = model()
    asked = [ChatMessage(role="user", content="Count from 7 to 12.")]
    assert llm.chat(asked).message.content == "7 8 9 10 11 12"
    assert "".join(each.delta or "" for each in llm.stream_chat(asked)) == "7 8 9 10 11 12"
    print("did: chat, whole and streamed")
    assert llm.complete("What is 17 + 25?").text == "42"
    print("did: completion by a chat")
    typed = llm.as_structured_llm(Place).chat([ChatMessage(role="user", content="What is the weather in Oslo?")])
    assert isinstance(typed.raw, Place)
    print("did: structured output")
    asyncio.run(agent())


main()
