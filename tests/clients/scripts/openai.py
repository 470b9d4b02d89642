"""The openai package: chats whole, streamed, typed, with tools, async, and when the server is full."""

import asyncio
import json
from collections import Counter
from enum import Enum
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel


class City(Enum):
    OSLO = "Oslo"
    PARIS = "Paris"


class Place(BaseModel):
    city: City
    warm: bool


class GetWeather(BaseModel):
    """The weather in a city."""

    city: str


SUM: Any = [{"role": "user", "content": "What is 17 + 25?"}]
OSLO: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
TOOLS: Any = [openai.pydantic_function_tool(GetWeather, name="get_weather")]


def chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="demo", messages=SUM, temperature=0)
    assert answer.choices[0].message.content == "42"
    again = [*SUM, answer.choices[0].message, {"role": "user", "content": "What is 1 + 1?"}]
    assert client.chat.completions.create(model="demo", messages=again, temperature=0).choices[0].message.content == "2"
    assert client.models.retrieve("demo").id == "demo" == client.models.list().data[0].id
    print("did: chat of two turns")


def stream(client: OpenAI) -> None:
    with client.chat.completions.stream(model="demo", messages=SUM, temperature=0, logprobs=True) as events:
        kinds = Counter(event.type for event in events)
        answer = events.get_final_completion()
    assert answer.choices[0].message.content == "42"
    assert kinds["content.done"] == kinds["logprobs.content.done"] == 1
    print("did: streaming helper")


def parse(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model="demo", messages=SUM, response_format=Place, temperature=0)
    assert isinstance(answer.choices[0].message.parsed, Place)
    with client.chat.completions.stream(model="demo", messages=SUM, response_format=Place, temperature=0) as events:
        assert isinstance(events.get_final_completion().choices[0].message.parsed, Place)
    print("did: parse with a pydantic schema")


def tools(client: OpenAI) -> None:
    """Calls the tool, whole and streamed, and tells the model what came of it."""
    answer = client.chat.completions.parse(model="demo", messages=OSLO, tools=TOOLS, temperature=0).choices[0]
    [call] = answer.message.tool_calls or []
    assert answer.finish_reason == "tool_calls"
    assert call.function.parsed_arguments == GetWeather(city="Oslo")
    with client.chat.completions.stream(model="demo", messages=OSLO, tools=TOOLS, temperature=0) as events:
        [streamed] = events.get_final_completion().choices[0].message.tool_calls or []
    assert json.loads(streamed.function.arguments) == {"city": "Oslo"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "5 degrees"}
    last = client.chat.completions.create(
        model="demo", messages=[*OSLO, answer.message, result], tools=TOOLS, temperature=0
    )
    assert last.choices[0].message.content == "The tool says: 5 degrees"
    print("did: a tool's round, whole and streamed")


def completions(client: OpenAI) -> None:
    answer = client.completions.create(model="demo", prompt=["1 2 3", "7 8"], max_tokens=2, temperature=0, logprobs=1)
    assert [len(choice.text) > 0 for choice in answer.choices] == [True, True]
    assert answer.usage
    assert answer.usage.completion_tokens == 4
    print("did: completions")


def responses(client: OpenAI) -> None:
    """Whole, streamed, typed, and with a tool's round."""
    assert client.responses.create(model="demo", input="What is 17 + 25?", temperature=0).output_text == "42"
    with client.responses.stream(model="demo", input="What is 17 + 25?", temperature=0) as events:
        assert events.get_final_response().output_text == "42"
    typed = client.responses.parse(model="demo", input="What is 17 + 25?", text_format=Place, temperature=0)
    assert isinstance(typed.output_parsed, Place)
    offered: Any = [{"type": "function", "strict": False} | TOOLS[0]["function"]]
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    answer = client.responses.create(model="demo", input=asked, tools=offered, temperature=0)
    [call] = (item for item in answer.output if item.type == "function_call")
    assert json.loads(call.arguments) == {"city": "Oslo"}
    asked += [*answer.output, {"type": "function_call_output", "call_id": call.call_id, "output": "5 degrees"}]
    last = client.responses.create(model="demo", input=asked, tools=offered, temperature=0)
    assert last.output_text == "The tool says: 5 degrees"
    print("did: responses: whole, streamed, parsed, a tool's round")


def errors(client: OpenAI) -> None:
    for wrong, kind in (({"model": "nobody"}, openai.NotFoundError), ({"temperature": 9}, openai.BadRequestError)):
        request: Any = {"model": "demo", "messages": SUM} | wrong
        try:
            client.chat.completions.create(**request)
        except kind:
            continue
        raise AssertionError(f"{wrong} is no {kind.__name__}")
    print("did: errors by their class")


async def full() -> None:
    """More at once than there are seats: by its own retries, every one is answered."""
    statuses = Counter[int]()

    async def note(response: Any) -> None:
        statuses[response.status_code] += 1

    http = openai.DefaultAsyncHttpxClient(event_hooks={"response": [note]})
    async with AsyncOpenAI(max_retries=20, http_client=http) as client:
        asked: Any = [{"role": "user", "content": "Count from 1 to 30."}]
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="demo", messages=asked, temperature=0) for _ in range(90))
        )
    wanted = " ".join(map(str, range(1, 31)))
    assert [answer.choices[0].message.content for answer in answers] == [wanted] * 90
    assert statuses[429] > 0, statuses
    assert set(statuses) == {200, 429}
    print("did: async, 90 at once, retried after 429")


def main() -> None:
    client = OpenAI(max_retries=0)
    for work in (chat, stream, parse, tools, completions, errors, responses):
        work(client)
    asyncio.run(full())


main()
