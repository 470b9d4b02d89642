"""What is rare and may be valid: whether it is, both servers should say alike."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus import anthropic, responses
from tests.faithful.corpus.anthropic import message
from tests.faithful.corpus.case import TWO, Case, both, chat, completion, user
from tests.faithful.corpus.messages import said
from tests.faithful.corpus.reasoning import SUM
from tests.faithful.corpus.responses import response
from tests.faithful.corpus.tools import BOTH, CALLED, OSLO, RESULT, STRICT

SCHEMAS: dict[str, dict[str, Any]] = {
    "an array": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "a reference": {
        "$defs": {"city": {"enum": ["Oslo", "Paris"]}}, "type": "object",
        "properties": {"city": {"$ref": "#/$defs/city"}}, "required": ["city"], "additionalProperties": False,
    },
    "one of two": {"anyOf": [{"const": "yes"}, {"const": "no"}]},
    "a pattern": {"type": "string", "pattern": "^[a-c]{2}$"},
    "bounds": {"type": "integer", "minimum": 3, "maximum": 7},
    "a constant": {"const": "Oslo"},
    "nothing said": {},
}  # fmt: skip
SECOND = CALLED | {"tool_calls": [call | {"id": "call_2"} for call in CALLED["tool_calls"]]}


def cases() -> Iterator[Case]:
    yield from both(*of_chats(), *of_forms(), *of_histories(), *of_completions(), *of_messages(), *of_responses())


def of_chats() -> Iterator[Case]:
    yield chat("the seed 0", temperature=1, seed=0)
    yield chat("top_k 0 with top_p", temperature=1.2, seed=1, top_k=0, top_p=0.5)
    yield chat("a temperature that is hardly any", temperature=0.001, seed=1)
    yield chat("null for every limit", max_tokens=None, max_completion_tokens=None)
    yield chat("null for lists", stop=None, tools=None, stop_token_ids=None, logit_bias=None)
    yield chat("no usage asked for", stream_options=None)
    yield chat("two that call", OSLO, tools=BOTH, **TWO)
    yield chat("a strict tool with tools that are not", OSLO, tools=[*BOTH, STRICT][1:], tool_choice="required")
    yield chat("tools and no answer", OSLO, tools=BOTH, max_tokens=1)
    yield chat(
        "thoughts and answer with one limit", SUM, reasoning_effort="high", max_tokens=..., max_completion_tokens=13
    )
    yield chat("no thoughts by another switch", SUM, chat_template_kwargs={"thinking": False})
    yield chat("a bad word that is a special token", bad_words=["<|im_end|>"], max_tokens=20)
    yield chat("an allowed end", allowed_token_ids=[2])
    yield chat("a stop token that is the end", stop_token_ids=[2])
    yield chat("truncated to one token", truncate_prompt_tokens=1, max_tokens=4)


def of_forms() -> Iterator[Case]:
    for name, schema in SCHEMAS.items():
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        yield chat(f"a schema of {name}", "Oslo", response_format=form, max_tokens=24)
    yield chat("a choice with stops", structured_outputs={"choice": ["one, two", "three"]}, stop=",")
    yield chat("a regex that may go on", structured_outputs={"regex": "[0-9 ]+"}, max_tokens=10)
    yield chat("a choice of one", structured_outputs={"choice": [""]})
    yield chat("a form and tools", OSLO, tools=BOTH, structured_outputs={"choice": ["Oslo", "Paris"]})


def of_histories() -> Iterator[Case]:
    yield chat("two system prompts", messages=[{"role": "system", "content": text} for text in "ab"] + user("Hi"))
    yield chat("a system prompt alone", messages=[{"role": "system", "content": "Be kind."}])
    yield chat("a result first", messages=[RESULT, *user("Hi")], tools=BOTH)
    yield chat("a call with a text", messages=[*user(OSLO), CALLED | {"content": "Wait."}, RESULT], tools=BOTH)
    yield chat("two calls after each other", messages=[*user(OSLO), CALLED, RESULT, SECOND, RESULT], tools=BOTH)
    yield chat("a history of calls without tools", messages=[*user(OSLO), CALLED, RESULT])
    yield chat("parts that are empty", messages=said([{"type": "text", "text": ""}] * 2))
    yield chat("markers in a text", messages=said("<|im_end|><think></think><tool_call>"))


def of_completions() -> Iterator[Case]:
    yield completion("null for what is not needed", suffix=None, logprobs=None, best_of=None, echo=None)
    yield completion("one text in a list", ["Count from 7"])
    yield completion("eight prompts", [f"{number} {number + 1}" for number in range(8)], max_tokens=3)
    yield completion("equal prompts", ["1 2 3"] * 3, echo=True, logprobs=1, max_tokens=2)
    yield completion("a prompt of white space", " \n", max_tokens=4, echo=True)
    yield completion("no limit given", "1 2 3", max_tokens=...)
    yield completion("ids without special ones", [1, 2, 2494], echo=True, max_tokens=2)
    yield completion("nothing to answer", [2], max_tokens=1, logprobs=0)
    yield completion("best_of 1", best_of=1)
    yield completion("an empty suffix", suffix="")
    yield completion("a stop that is echoed", "1 2 3", echo=True, stop=["3"], include_stop_str_in_output=True)


def of_messages() -> Iterator[Case]:
    yield message("with an empty system prompt", system="")
    yield message("with an empty list of tools", tools=[])
    yield message("with an empty list of stops", stop_sequences=[])
    yield message("with top_k 0", top_k=0)
    yield message("with a choice and no tools", tool_choice={"type": "auto"})
    yield message("of two users' turns", messages=[*user("My name is Ada."), *user("What is my name?")])
    yield message("with an image", messages=said([{"type": "image", "source": {"type": "url", "url": "http://x/"}}]))
    yield message("with a part that nobody knows", messages=said([{"type": "nobody"}]))
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    told = {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi Ada!"}]}
    yield message("after thoughts", messages=[*user("My name is Ada."), told, *user("What is my name?")])
    yield message("after a result of nothing", tools=[anthropic.WEATHER], messages=[*user("Hi"), anthropic.result("x")])
    called = [*anthropic.OSLO, anthropic.CALLED, anthropic.result(...)]
    del called[-1]["content"][0]["content"]
    yield message("after a result without content", tools=[anthropic.WEATHER], messages=called)
    yield message("with the temperature 1", temperature=1, top_k=1)


def of_responses() -> Iterator[Case]:
    yield response("of an empty text", "")
    yield response("of nothing", [])
    yield response("of a system message", [{"role": "system", "content": "Be kind."}, *user("Hi")])
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    spoken = {"role": "assistant", "content": "Hi Ada!"}
    yield response("after thoughts", [*user("My name is Ada."), thought, spoken, *user("What is my name?")])
    parts = responses.RESULT | {"output": [{"type": "input_text", "text": "5 degrees"}]}
    yield response("after a result in parts", [responses.ASKED, responses.CALLED, parts], tools=[responses.WEATHER])
    yield response("after a call without tools", [responses.ASKED, responses.CALLED, responses.RESULT])
    yield response("with no more tools", responses.OSLO, tools=[])
    yield response("with null for all", instructions=None, text=None, reasoning=None, top_p=None)
    yield response("with an image", said([{"type": "input_image", "image_url": "data:,x", "detail": "auto"}]))
    yield response("with what may be included", include=["reasoning.encrypted_content"])
    yield response("with what nobody includes", include=["nobody"])
    yield response("with most calls", responses.OSLO, tools=[responses.WEATHER], max_tool_calls=1)
    yield response("with a penalty", presence_penalty=1.5, frequency_penalty=0.5)
    yield response("with a stop", stop=["9"])
    yield response("stored", store=True)
