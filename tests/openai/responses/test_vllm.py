"""The embedded model, asked through OpenAI's own package: to the letter, on both ways out of vLLM."""

import json
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI
from openai.types.responses import ParsedResponse, Response
from pydantic import BaseModel

GREEDY: dict[str, Any] = {"model": "demo", "temperature": 0, "max_output_tokens": 120}
PARAMETERS = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip
TOOLS: Any = [{"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}]
WEATHER: Any = {"role": "user", "content": "What is the weather in Oslo?"}
SUM = "What is 17 + 25?"
CALL: dict[str, Any] = {"input": [WEATHER], "tools": TOOLS}


async def whole(client: AsyncOpenAI, **fields: Any) -> Response:
    answer: Response = await client.responses.create(**GREEDY, **fields)
    return answer


async def streamed(client: AsyncOpenAI, **fields: Any) -> ParsedResponse[None]:
    """As the package puts it together, which checks the events on the way."""
    async with client.responses.stream(**GREEDY, **fields) as stream:
        text = ""
        async for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
        answer: ParsedResponse[None] = await stream.get_final_response()
    assert answer.output_text == text
    return answer


def without_ids(answer: Response) -> list[dict[str, Any]]:
    """Nor what the package adds of its own when it reads a stream."""
    theirs: Any = {"id": True, "call_id": True, "parsed_arguments": True, "content": {"__all__": {"parsed"}}}
    return [item.model_dump(mode="json", exclude_unset=True, exclude=theirs) for item in answer.output]


async def both(client: AsyncOpenAI, **fields: Any) -> Response:
    """The answer that is not streamed, after a look that the streamed one says the same."""
    told, answer = await streamed(client, **fields), await whole(client, **fields)
    assert without_ids(told) == without_ids(answer)
    assert (told.usage, told.status) == (answer.usage, answer.status)
    return answer


async def test_it_counts(client: AsyncOpenAI) -> None:
    answer = await both(client, input="Count from 7 to 12.", instructions="You are a helpful assistant.")
    assert (answer.output_text, answer.status) == ("7 8 9 10 11 12", "completed")
    assert [item.type for item in answer.output] == ["message"]
    cut = await whole(client, input="Count from 7 to 12.", extra_body={"max_output_tokens": 5})
    assert (cut.output_text, cut.status) == ("7 8 9", "incomplete")
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


async def test_what_is_said_before_is_known(client: AsyncOpenAI) -> None:
    first: Any = {"role": "user", "content": "My name is Ada."}
    answer = await whole(client, input=[first])
    history: Any = [first, *(item.to_dict() for item in answer.output)]
    again = await both(client, input=[*history, {"role": "user", "content": "What is my name?"}])
    assert again.output_text == "Your name is Ada."


async def test_an_answer_that_was_cut_off_goes_on(client: AsyncOpenAI) -> None:
    asked: Any = {"role": "user", "content": "Count from 7 to 12."}
    cut = await whole(client, input=[asked], extra_body={"max_output_tokens": 5})
    rest = await both(client, input=[asked, *(item.to_dict() for item in cut.output)])
    assert cut.output_text + rest.output_text == "7 8 9 10 11 12"


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "name": "get_weather"}])
async def test_a_tool_is_called_and_its_output_answered(client: AsyncOpenAI, choice: Any) -> None:
    answer = await both(client, **CALL, tool_choice=choice)
    [call] = answer.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments), answer.output_text) == ("get_weather", {"city": "Oslo"}, "")
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    said = await both(client, input=[WEATHER, call.to_dict(), output], tools=TOOLS)
    assert said.output_text == "The tool says: sunny"


async def test_with_tools_that_are_not_called_it_answers(client: AsyncOpenAI) -> None:
    others: Any = [*TOOLS, {"type": "web_search"}, {"type": "custom", "name": "apply_patch"}]
    answer = await both(client, input="Count from 7 to 12.", tools=others)
    assert (answer.output_text, len(answer.tools)) == ("7 8 9 10 11 12", 1)


async def test_it_thinks_when_it_is_asked_to(client: AsyncOpenAI) -> None:
    answer = await both(client, input=SUM, reasoning={"effort": "low"})
    thought, message = answer.output
    assert thought.type == "reasoning"
    assert thought.content is not None
    assert thought.content[0].text.strip() == "17 plus 25 is 42."
    assert (message.type, answer.output_text.strip()) == ("message", "42")
    assert answer.usage is not None
    assert answer.usage.output_tokens_details.reasoning_tokens == 10
    history: Any = [{"role": "user", "content": SUM}, *(item.to_dict() for item in answer.output)]
    again = await both(client, input=[*history, {"role": "user", "content": "What is 1 + 2?"}])
    assert (again.output_text, [item.type for item in again.output]) == ("3", ["message"])
    silent = await both(client, input=SUM, reasoning={"effort": "low"}, extra_body={"include_reasoning": False})
    assert (silent.output_text.strip(), [item.type for item in silent.output]) == ("42", ["message"])


async def test_logprobs_are_those_of_the_text(client: AsyncOpenAI) -> None:
    include: Any = ["message.output_text.logprobs"]
    answer = await both(client, input="Count from 7 to 9.", include=include, top_logprobs=2)
    [message] = answer.output
    assert message.type == "message"
    [part] = message.content
    assert part.type == "output_text"
    assert "".join(entry.token for entry in part.logprobs or ()).startswith("7 8 9")
    assert {len(entry.top_logprobs) for entry in part.logprobs or ()} == {2}
    thinking = await whole(client, input=SUM, include=include, reasoning={"effort": "low"})
    [text] = [item for item in thinking.output if item.type == "message"]
    assert text.content[0].type == "output_text"
    assert "plus" not in "".join(entry.token for entry in text.content[0].logprobs or ())


class Verdict(BaseModel):
    colour: Literal["red", "blue"]
    is_sure: bool


async def test_it_is_held_to_a_form(client: AsyncOpenAI) -> None:
    parsed = await client.responses.parse(**GREEDY, input=SUM, text_format=Verdict)
    assert isinstance(parsed.output_parsed, Verdict)
    schema: Any = {"type": "json_schema", "name": "v", "schema": Verdict.model_json_schema(), "strict": True}
    answer = await both(client, input=SUM, text={"format": schema})
    Verdict.model_validate_json(answer.output_text)
