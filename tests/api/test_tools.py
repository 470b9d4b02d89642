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
BOTH: Any = {"role": "user", "content": "What is the weather in Oslo and in Rome?"}
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


@pytest.mark.parametrize("choice", ["auto", "required"])
async def test_two_calls_come_at_once(client: AsyncOpenAI, choice: Any) -> None:
    fields: Any = {"messages": [BOTH], "tools": TOOLS, "tool_choice": choice}
    said, answer = await streamed(client, **fields), await whole(client, **fields)
    assert [(name, json.loads(arguments)) for name, arguments in said.calls] == [
        ("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"}),
    ]  # fmt: skip
    calls: Any = answer.choices[0].message.tool_calls
    assert [[call.function.name, call.function.arguments] for call in calls] == said.calls
    assert said.finish_reason == answer.choices[0].finish_reason == "tool_calls"
    assert len({*said.ids, *(call.id for call in calls)}) == 4
    results: Any = [
        {"role": "tool", "tool_call_id": call.id, "content": content}
        for call, content in zip(calls, ["sunny", "rain"], strict=True)
    ]
    messages: Any = [BOTH, answer.choices[0].message.model_dump(exclude_unset=True), *results]
    told = await streamed(client, messages=messages, tools=TOOLS)
    assert (told.content, told.calls) == ("The tool says: sunny\nThe tool says: rain", [])


async def test_only_one_call_where_they_may_not_come_at_once(client: AsyncOpenAI) -> None:
    fields: Any = {"messages": [BOTH], "tools": TOOLS, "parallel_tool_calls": False}
    said, answer = await streamed(client, **fields), await whole(client, **fields)
    calls: Any = answer.choices[0].message.tool_calls
    [[name, arguments]], [call] = said.calls, calls
    assert name == call.function.name == "get_weather"
    assert json.loads(arguments) == json.loads(call.function.arguments) == {"city": "Oslo"}
    assert said.finish_reason == answer.choices[0].finish_reason == "tool_calls"


async def test_it_thinks_of_the_tool_that_it_calls(client: AsyncOpenAI) -> None:
    said = await streamed(client, messages=[WEATHER], tools=TOOLS, **THINKING)
    [[name, arguments]] = said.calls
    assert (name, json.loads(arguments), said.content.strip()) == ("get_weather", {"city": "Oslo"}, "")
    assert said.reasoning.strip() == "I call get_weather."


async def test_its_result_is_answered(client: AsyncOpenAI) -> None:
    called = (await whole(client, messages=[WEATHER], tools=TOOLS)).choices[0].message
    result: Any = {"role": "tool", "tool_call_id": (called.tool_calls or [])[0].id, "content": "sunny"}
    messages: Any = [WEATHER, called.model_dump(exclude_unset=True), result]
    said = await streamed(client, messages=messages, tools=TOOLS)
    assert (said.content, said.calls, said.finish_reason) == ("The tool says: sunny", [], "stop")


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
    ("asked", "keys", "answer"),
    [
        ("Answer in JSON: What is 17 + 25?", None, '{"sum": 42}'),
        ("What is 17 + 25?", None, '{"sum": 42}'),
        ("What is the capital of France?", {"city": "string"}, '{"city": "Paris"}'),
        ("Give me a person as JSON with name and age: Ada is 36.", {"name": "string", "age": "integer"},
         '{"name": "Ada", "age": 36}'),
    ],
)  # fmt: skip
async def test_json_ends_by_itself(client: AsyncOpenAI, asked: str, keys: dict[str, str] | None, answer: str) -> None:
    """Any object, or one of a schema that says nothing of how long a text is."""
    wanted: Any = {"type": "json_object"}
    if keys is not None:
        properties = {key: {"type": kind} for key, kind in keys.items()}
        schema = {"type": "object", "properties": properties, "required": [*keys], "additionalProperties": False}
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    messages: Any = [{"role": "user", "content": asked}]
    said = await streamed(client, messages=messages, response_format=wanted)
    choice = (await whole(client, messages=messages, response_format=wanted)).choices[0]
    assert (said.content, said.finish_reason) == (choice.message.content, choice.finish_reason) == (answer, "stop")


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
