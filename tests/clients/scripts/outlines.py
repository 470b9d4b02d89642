"""outlines over vLLM's API: a JSON schema, a choice and a regular expression, whole and streamed."""

import asyncio
import re
from typing import Any, Literal

import openai
import outlines
from outlines.types import Regex
from pydantic import BaseModel


class Place(BaseModel):
    city: Literal["Oslo", "Paris"]
    warm: bool


ASKED: Any = ("What is the weather in Oslo?",)
MORE: Any = {"temperature": 0, "max_tokens": 60}


def main() -> None:
    model: Any = outlines.from_vllm(openai.OpenAI(max_retries=0), "demo")
    assert model("Count from 7 to 12.", **MORE) == "7 8 9 10 11 12"
    assert Place.model_validate_json(model(*ASKED, Place, **MORE))
    assert model(*ASKED, Literal["Rome", "Oslo"], **MORE) in {"Rome", "Oslo"}
    assert re.fullmatch("[0-9]{3}", model(*ASKED, Regex("[0-9]{3}"), **MORE))
    print("did: text, a schema, a choice, a regular expression")
    assert Place.model_validate_json("".join(model.stream(*ASKED, Place, **MORE)))
    print("did: streamed")
    asyncio.run(asynchronous())


async def asynchronous() -> None:
    model: Any = outlines.from_vllm(openai.AsyncOpenAI(max_retries=0), "demo")
    assert Place.model_validate_json(await model(*ASKED, Place, **MORE))
    print("did: async")


main()
