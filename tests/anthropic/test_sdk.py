"""Anthropic's own client against the embedded model, to the letter."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, TextBlock, ThinkingBlock

from tests.anthropic.examples import WEATHER_TOOL
from tests.conftest import Running, Serve, Started

GREEDY: dict[str, Any] = {"model": "demo", "max_tokens": 120, "extra_body": {"temperature": 0}}
"""The newest client knows no temperature."""
COUNT: Any = {"role": "user", "content": "Count from 7 to 12."}
WEATHER: Any = {"role": "user", "content": "What is the weather in Oslo?"}
SUM: Any = {"role": "user", "content": "What is 17 + 25?"}
THINKING: Any = {"type": "enabled", "budget_tokens": 100}


@pytest.fixture(params=["direct", "public"])
async def server(serve: Serve, vllm: Started, public: Started, request: Any) -> AsyncIterator[Running]:
    async with serve({"direct": vllm, "public": public}[request.param]) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with sdk(server) as client:
        yield client


def sdk(server: Running) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0, timeout=120)


async def both(client: anthropic.AsyncAnthropic, **fields: Any) -> tuple[Message, Message]:
    """The answer as the client puts it together from a stream, and whole."""
    async with client.messages.stream(**GREEDY, **fields) as stream:
        streamed = await stream.get_final_message()
    return streamed, await client.messages.create(**GREEDY, **fields)


def content(message: Message) -> list[Any]:
    """Without what differs from one answer to the next."""
    return [
        {key: value for key, value in block.to_dict().items() if key not in {"id", "signature"}}
        for block in message.content
    ]


def cost(message: Message) -> tuple[int, int]:
    """Tokens of the prompt, and of the answer."""
    used = message.usage
    cached = (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
    return used.input_tokens + cached, used.output_tokens


async def test_a_text_to_the_letter(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(**GREEDY, messages=[COUNT], system="Be brief.") as stream:
        texts = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(texts) == "7 8 9 10 11 12"
    assert len(texts) > 5
    whole = await client.messages.create(**GREEDY, messages=[COUNT], system="Be brief.")
    for message in (final, whole):
        assert content(message) == [{"type": "text", "text": "7 8 9 10 11 12"}]
        assert (message.stop_reason, message.stop_sequence, message.model) == ("end_turn", None, "demo")
        assert message.id.startswith("msg_")
    assert cost(final) == cost(whole)


async def test_it_stops(client: anthropic.AsyncAnthropic) -> None:
    for message in await both(client, messages=[COUNT], stop_sequences=["50", " 10"]):
        assert content(message) == [{"type": "text", "text": "7 8 9"}]
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", " 10")
    cut = await client.messages.create(**GREEDY | {"max_tokens": 3}, messages=[COUNT])
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)


async def test_an_answer_goes_on_where_it_was_begun(client: anthropic.AsyncAnthropic) -> None:
    for message in await both(client, messages=[COUNT, {"role": "assistant", "content": "7 8 9"}]):
        assert content(message) == [{"type": "text", "text": " 10 11 12"}]


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "get_weather"},
        {"type": "any", "disable_parallel_tool_use": True},
    ],
)  # fmt: skip
async def test_a_tool_is_called_and_its_result_answered(client: anthropic.AsyncAnthropic, choice: Any) -> None:
    fields: Any = {"tools": [WEATHER_TOOL], "tool_choice": choice}
    for message in await both(client, messages=[WEATHER], **fields):
        assert content(message) == [{"type": "tool_use", "name": "get_weather", "input": {"city": "Oslo"}}]
        assert message.stop_reason == "tool_use"
        result = {"type": "tool_result", "tool_use_id": message.content[0].to_dict()["id"], "content": "sunny"}
        history: Any = [WEATHER, message.to_param(), {"role": "user", "content": [result]}]
        for answer in await both(client, messages=history, tools=[WEATHER_TOOL]):
            assert content(answer) == [{"type": "text", "text": "The tool says: sunny"}]
            assert answer.stop_reason == "end_turn"


async def test_tools_that_are_not_called(client: anthropic.AsyncAnthropic) -> None:
    for choice in ({"type": "auto"}, {"type": "none"}):
        for message in await both(client, messages=[COUNT], tools=[WEATHER_TOOL], tool_choice=choice):
            assert content(message) == [{"type": "text", "text": "7 8 9 10 11 12"}]


async def test_it_thinks_when_it_is_asked_to(client: anthropic.AsyncAnthropic) -> None:
    for message in await both(client, messages=[SUM], thinking=THINKING):
        thought, text = message.content
        assert isinstance(thought, ThinkingBlock)
        assert isinstance(text, TextBlock)
        assert (thought.thinking.strip(), text.text.strip()) == ("17 plus 25 is 42.", "42")
        assert thought.signature
        history: Any = [SUM, message.to_param(), COUNT]
        assert content(await client.messages.create(**GREEDY, messages=history))[0]["text"] == "7 8 9 10 11 12"
    for thinking in ({"type": "disabled"}, anthropic.omit):
        for message in await both(client, messages=[SUM], thinking=thinking):
            assert content(message) == [{"type": "text", "text": "42"}]


async def test_thoughts_end_with_their_budget(client: anthropic.AsyncAnthropic) -> None:
    for message in await both(client, messages=[SUM], thinking={"type": "enabled", "budget_tokens": 3}):
        thought, *_ = message.content
        assert isinstance(thought, ThinkingBlock)
        assert "17 plus 25 is 42.".startswith(thought.thinking.strip())
        assert thought.thinking.strip() != "17 plus 25 is 42."
        assert message.stop_reason == "end_turn"


async def test_it_is_held_to_a_schema(client: anthropic.AsyncAnthropic) -> None:
    wanted: Any = {"format": {"type": "json_schema", "schema": {"enum": ["red", "green"]}}}
    for message in await both(client, messages=[SUM], output_config=wanted):
        assert content(message)[0]["text"] in {'"red"', '"green"'}


async def test_counting_comes_to_what_is_used(client: anthropic.AsyncAnthropic) -> None:
    history: Any = [
        WEATHER,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "get_weather", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "sunny"}]},
    ]
    cases: list[dict[str, Any]] = [
        {"messages": [COUNT]},
        {"messages": [COUNT], "system": [{"type": "text", "text": "Be brief."}]},
        {"messages": history, "tools": [WEATHER_TOOL], "tool_choice": {"type": "any"}},
        {"messages": [SUM], "thinking": THINKING},
        {"messages": [COUNT, {"role": "assistant", "content": "7 8 9"}]},
    ]
    counted = []
    for case in cases:
        counted.append((await client.messages.count_tokens(model="demo", **case)).input_tokens)
        assert cost(await client.messages.create(**GREEDY, **case))[0] == counted[-1]
    assert len(set(counted)) == len(cases)


async def test_whoever_finds_no_seat_is_told_when_to_come_back(serve: Serve, vllm: Started) -> None:
    endless: Any = {"role": "user", "content": "Count from 1 to 3000."}
    async with (
        serve(vllm, concurrency=1, max_concurrency=1) as server,
        sdk(server) as client,
        client.messages.stream(model="demo", max_tokens=3000, messages=[endless]) as inside,
    ):
        await anext(aiter(inside.text_stream))
        with pytest.raises(anthropic.RateLimitError) as refused:
            await client.messages.create(**GREEDY, messages=[COUNT])
        assert int(refused.value.response.headers["retry-after"]) > 0
        assert isinstance(refused.value.body, dict)
        assert refused.value.body["error"]["type"] == "overloaded_error"
        assert (await client.messages.count_tokens(model="demo", messages=[COUNT])).input_tokens > 0


async def test_what_is_wrong_is_told(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="maximum context length is 4096 tokens"):
        await client.messages.create(**GREEDY | {"max_tokens": 32000}, messages=[COUNT])
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        await client.messages.create(**GREEDY, messages=[{"role": "user", "content": "a b c " * 3000}])
    with pytest.raises(anthropic.NotFoundError, match="There is no model 'other'"):
        await client.messages.count_tokens(model="other", messages=[COUNT])
