"""The embedded model calls tools, thinks, and is held to a form: over the wire, to the letter."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conftest import Running, Serve, Started
from tests.held import held

GREEDY: dict[str, Any] = {"model": "demo", "temperature": 0, "max_tokens": 120}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
WEATHER: Any = {"role": "user", "content": "What is the weather in Oslo?"}
SUM: Any = {"role": "user", "content": "What is 17 + 25?"}
THINKING = {"extra_body": {"chat_template_kwargs": {"enable_thinking": True}}}


class Said:
    """An answer put together from its chunks."""

    def __init__(self) -> None:
        self.content = self.reasoning = ""
        self.calls: list[list[str]] = []
        self.ids: list[str] = []
        self.finish_reason: str | None = None

    def add(self, chunk: ChatCompletionChunk) -> None:
        for choice in chunk.choices:
            self.content += choice.delta.content or ""
            self.reasoning += getattr(choice.delta, "reasoning", None) or ""
            self.finish_reason = choice.finish_reason or self.finish_reason
            for call in choice.delta.tool_calls or ():
                assert call.function is not None
                if call.id:
                    assert call.index == len(self.calls)
                    self.calls.append([call.function.name or "", ""])
                    self.ids.append(call.id)
                self.calls[call.index][1] += call.function.arguments or ""


async def streamed(client: AsyncOpenAI, **fields: Any) -> Said:
    said = Said()
    stream: AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(**GREEDY, stream=True, **fields)
    async for chunk in stream:
        said.add(chunk)
    return said


async def whole(client: AsyncOpenAI, **fields: Any) -> ChatCompletion:
    answer: ChatCompletion = await client.chat.completions.create(**GREEDY, **fields)
    return answer


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("parallel", [True, False])
async def test_a_tool_is_called(either_way: Running, client: AsyncOpenAI, choice: Any, parallel: bool) -> None:
    fields: Any = {
        "messages": [WEATHER], "tools": TOOLS, "tool_choice": choice, "parallel_tool_calls": parallel,
    }  # fmt: skip
    said, answer = await streamed(client, **fields), await whole(client, **fields)
    [[name, arguments]] = said.calls
    assert (name, json.loads(arguments), said.content) == ("get_weather", {"city": "Oslo"}, "")
    ending = "stop" if isinstance(choice, dict) else "tool_calls"
    assert said.finish_reason == answer.choices[0].finish_reason == ending
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Oslo"})
    assert len({call.id, *said.ids}) == 2
    await either_way.is_empty()


async def test_its_result_is_answered(client: AsyncOpenAI) -> None:
    called = (await whole(client, messages=[WEATHER], tools=TOOLS)).choices[0].message
    result: Any = {"role": "tool", "tool_call_id": (called.tool_calls or [])[0].id, "content": "sunny"}
    messages: Any = [WEATHER, called.model_dump(exclude_unset=True), result]
    said = await streamed(client, messages=messages, tools=TOOLS)
    assert (said.content, said.calls, said.finish_reason) == ("The tool says: sunny", [], "stop")


BOTH: Any = {"role": "user", "content": "What is the weather in Oslo and in Rome?"}
CITIES = [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})]


async def test_two_tools_are_called_at_once_and_both_results_answered(client: AsyncOpenAI) -> None:
    said, answer = (
        await streamed(client, messages=[BOTH], tools=TOOLS),
        await whole(client, messages=[BOTH], tools=TOOLS),
    )
    assert [(name, json.loads(arguments)) for name, arguments in said.calls] == CITIES
    called: Any = answer.choices[0].message
    assert [(call.function.name, json.loads(call.function.arguments)) for call in called.tool_calls] == CITIES
    assert said.finish_reason == answer.choices[0].finish_reason == "tool_calls"
    assert len({*said.ids, *(call.id for call in called.tool_calls)}) == 4
    results: Any = [
        {"role": "tool", "tool_call_id": call.id, "content": content}
        for call, content in zip(called.tool_calls, ("sunny", "rainy"), strict=True)
    ]
    told = await streamed(client, messages=[BOTH, called.model_dump(exclude_unset=True), *results], tools=TOOLS)
    assert told.content == "The tool says: sunny\nThe tool says: rainy"
    only = await streamed(client, messages=[BOTH], tools=TOOLS, parallel_tool_calls=False)
    assert [(name, json.loads(arguments)) for name, arguments in only.calls] == CITIES[:1]


async def test_it_thinks_before_it_calls(client: AsyncOpenAI) -> None:
    said = await streamed(client, messages=[WEATHER], tools=TOOLS, **THINKING)
    assert said.reasoning.strip() == "I call get_weather."
    assert [(name, json.loads(arguments)) for name, arguments in said.calls] == CITIES[:1]
    assert (said.content.strip(), said.finish_reason) == ("", "tool_calls")


OSLO: Any = {"role": "user", "content": "Give me a city as JSON with city and people: Oslo has 36 people."}
TYPES = {"city": {"type": "string"}, "people": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": TYPES, "required": ["city", "people"], "additionalProperties": False}


async def test_it_answers_in_json(client: AsyncOpenAI) -> None:
    said = await streamed(client, messages=[OSLO])
    assert (json.loads(said.content), said.finish_reason) == ({"city": "Oslo", "people": 36}, "stop")


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}]
)
async def test_json_ends_where_a_text_in_it_may_be_of_any_length(client: AsyncOpenAI, form: Any) -> None:
    for asked in (OSLO, SUM, WEATHER):
        said = await streamed(client, messages=[asked], response_format=form)
        assert (type(json.loads(said.content)), said.finish_reason) == (dict, "stop")


async def test_with_tools_that_are_not_called_a_stream_is_as_without(client: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Count from 7 to 12."}]
    for tool_choice in ("auto", "none"):
        said = await streamed(client, messages=messages, tools=TOOLS, tool_choice=tool_choice)
        assert (said.content, said.calls, said.finish_reason) == ("7 8 9 10 11 12", [], "stop")


async def test_it_thinks_when_it_is_asked_to(client: AsyncOpenAI) -> None:
    said, answer = await streamed(client, messages=[SUM], **THINKING), await whole(client, messages=[SUM], **THINKING)
    message = answer.choices[0].message
    assert said.content.strip() == (message.content or "").strip() == "42"
    assert said.reasoning.strip() == "17 plus 25 is 42."
    assert getattr(message, "reasoning", "").strip() == getattr(message, "reasoning_content", "").strip()
    assert getattr(message, "reasoning", "").strip() == "17 plus 25 is 42."
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 10
    plain = (await whole(client, messages=[SUM])).choices[0].message
    assert (plain.content, getattr(plain, "reasoning", None)) == ("42", None)
    silent = {"extra_body": {**THINKING["extra_body"], "include_reasoning": False}}
    said = await streamed(client, messages=[SUM], **silent)
    assert (said.content.strip(), said.reasoning) == ("42", "")


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({"structured_outputs": {"choice": ["red", "blue"]}}, {"red", "blue"}),
        ({"guided_regex": "(aa|bb)"}, {"aa", "bb"}),
        ({"structured_outputs": {"grammar": 'root ::= "yes" | "no"'}}, {"yes", "no"}),
    ],
)
async def test_it_is_held_to_a_form(client: AsyncOpenAI, fields: dict[str, Any], form: set[str]) -> None:
    assert (await streamed(client, messages=[SUM], extra_body=fields)).content in form
    assert (await whole(client, messages=[SUM], extra_body=fields)).choices[0].message.content in form
    completed = await client.completions.create(**GREEDY, prompt="1 2 3", extra_body=fields)
    assert completed.choices[0].text in form


async def test_it_is_held_to_a_schema(client: AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}, "is": {"type": "boolean"}},
        "required": ["n", "is"], "additionalProperties": False,
    }  # fmt: skip
    named = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    said = await streamed(client, messages=[SUM], response_format=named)
    found = json.loads(said.content)
    assert (set(found), said.finish_reason) == ({"n", "is"}, "stop")


@pytest.mark.parametrize(
    "fields",
    [
        {"structured_outputs": {"regex": "("}},
        {"structured_outputs": {"grammar": "root ::= ("}},
        {"guided_json": {"type": "nothing"}},
        {"structured_outputs": {"structural_tag": "{"}},
    ],
)
async def test_a_form_that_is_none_is_the_clients_mistake(either_way: Running, fields: dict[str, Any]) -> None:

    body = GREEDY | {"messages": [SUM]} | fields
    async with httpx.AsyncClient(base_url=either_way.url) as client:
        answer = await client.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    await either_way.is_empty()


async def test_an_assistants_turn_is_continued(client: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Count from 1 to 9."}, {"role": "assistant", "content": "1 2 3"}]
    prefill = {"continue_final_message": True, "add_generation_prompt": False}
    said = await streamed(client, messages=messages, extra_body=prefill)
    assert said.content == " 4 5 6 7 8 9"


async def test_a_long_schema_holds_nobody_up(serve: Serve, vllm: Started) -> None:
    """vLLM would try it again for each sequence, on the loop."""
    words = [f"word-{number}" for number in range(20_000)]
    schema = {"type": "object", "properties": {"word": {"enum": words}}, "required": ["word"]}
    body = GREEDY | {"messages": [SUM], "n": 4, "guided_json": schema}
    async with serve(vllm) as server:
        async with held() as loop:
            answer = await asyncio.to_thread(httpx.post, f"{server.url}/v1/chat/completions", json=body, timeout=100)
        assert {json.loads(choice["message"]["content"])["word"] in words for choice in answer.json()["choices"]} == {
            True
        }
        assert loop.longest < 0.05
