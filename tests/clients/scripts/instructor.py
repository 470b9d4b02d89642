"""instructor: typed answers in each of its modes for OpenAI's API, partial ones and lists while they come."""

import asyncio
from typing import Any, Literal

import instructor
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel


class Place(BaseModel):
    """A place."""

    city: Literal["Oslo", "Paris"]
    warm: bool


ASKED: Any = {
    "model": "demo", "messages": [{"role": "user", "content": "What is the weather in Oslo?"}], "temperature": 0,
    "max_retries": 0,
}  # fmt: skip


def main() -> None:
    for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA):
        client = instructor.from_openai(OpenAI(max_retries=0), mode=mode)
        assert isinstance(client.create(response_model=Place, **ASKED), Place), mode
        *_, last = client.create_partial(response_model=Place, **ASKED)
        assert isinstance(last.warm, bool), mode
        print(f"did: mode {mode.value}, whole and partial")
    asyncio.run(asynchronous())


async def asynchronous() -> None:
    client = instructor.from_openai(AsyncOpenAI(max_retries=0))
    assert isinstance(await client.create(response_model=Place, **ASKED), Place)
    print("did: async")


main()
