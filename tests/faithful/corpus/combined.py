"""Fields together, and values at their bounds."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.faithful.corpus import anthropic, responses
from tests.faithful.corpus.anthropic import message
from tests.faithful.corpus.case import TWO, Case, both, chat, completion, user
from tests.faithful.corpus.logprobs import TOKENS
from tests.faithful.corpus.messages import SPOKEN
from tests.faithful.corpus.reasoning import SUM, THINK
from tests.faithful.corpus.responses import response
from tests.faithful.corpus.structured import SCHEMA
from tests.faithful.corpus.tools import BOTH, OSLO, named

PLACE = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
LONG = "one two three four five six seven eight nine ten"


def cases() -> Iterator[Case]:
    yield from both(*of_completions(), *of_chats(), *of_tools(), *of_thoughts(), *of_messages(), *of_responses())


def of_completions() -> Iterator[Case]:
    """SGLang's matrix has these dimensions, and token ids besides."""
    prompts = {"one": TOKENS, "nested": [TOKENS], "texts": ["1 2 3", "Hello", "4 5"], "uneven": [[7], TOKENS]}
    sampled: dict[str, Any] = {"temperature": 1.3, "seed": 9}
    for (kind, prompt), echo, n in product(prompts.items(), (False, True), (1, 2)):
        fields = {"echo": echo, "n": n, "logprobs": 3, "return_token_ids": True, "max_tokens": 5} | sampled
        yield completion(f"{kind} with ids, logprobs and n {n}, echo {echo}", prompt, **fields)
    yield completion("a prompt of one token", [7], logprobs=1, echo=True, max_tokens=1)
    yield completion("an echo up to a stop", "1 2 3", echo=True, stop=" 5", max_tokens=12)
    yield completion("an echo of a stop", "1 2 3", echo=True, stop="2", max_tokens=6)
    yield completion("an echo cut on the left", LONG, echo=True, logprobs=1, truncate_prompt_tokens=5, max_tokens=3)
    yield completion("prompt_logprobs of what is cut", LONG, prompt_logprobs=1, truncate_prompt_tokens=5, max_tokens=3)
    yield completion("prompt_logprobs of lists", [TOKENS, [7, 8]], prompt_logprobs=2, max_tokens=2)
    yield completion("an echo with prompt_logprobs", TOKENS, echo=True, prompt_logprobs=1, max_tokens=2)
    yield completion("the most logprobs", logprobs=20, max_tokens=2)
    yield completion("logprobs up to a stop", "1 2 3", stop=" 6", logprobs=2, max_tokens=12)
    yield completion("logprobs with a stop in them", "1 2 3", stop=" 6", include_stop_str_in_output=True, logprobs=0)
    yield completion("special tokens in a prompt", "<|im_start|>user\nHi<|im_end|>", echo=True, logprobs=0)
    yield completion("special tokens of an answer", "1 2 3", ignore_eos=True, skip_special_tokens=False, logprobs=1)


def of_chats() -> Iterator[Case]:
    yield chat("logprobs of what is sampled", logprobs=True, top_logprobs=3, temperature=1.8, seed=2)
    yield chat("logprobs with a bias", logprobs=True, top_logprobs=2, logit_bias={"20": 100, "21": -100}, max_tokens=6)
    yield chat("logprobs of a form", logprobs=True, top_logprobs=2, structured_outputs={"choice": ["Oslo", "Paris"]})
    yield chat("logprobs of allowed tokens", logprobs=True, top_logprobs=3, allowed_token_ids=[20, 21], max_tokens=4)
    yield chat("a stop over several tokens", stop="9 10 1")
    yield chat("a stop that does not come", stop="99 100 101 102")
    yield chat("a stop that begins twice", "Repeat: aaab aaac", stop="aac")
    yield chat("a stop of the first letters", stop="7")
    yield chat("a stop of a sign", "Repeat: é 漢 🙂", stop="漢")
    yield chat("a stop with ids and logprobs", stop="9 10", return_token_ids=True, logprobs=True, top_logprobs=1)
    yield chat("many stops", stop=["zz", "10", "9 ", " 9"])
    yield chat("a stop before min_tokens", stop="8", min_tokens=6, logprobs=True)
    yield chat("a stop token and a stop text", stop=["11"], stop_token_ids=[2494], min_tokens=2)
    yield chat("min_tokens like max_tokens", min_tokens=9, max_tokens=9)
    yield chat("ignore_eos with logprobs", ignore_eos=True, max_tokens=20, logprobs=True, return_token_ids=True)
    yield chat("bad_words of several tokens", bad_words=["9 10", " 8"])
    yield chat("all penalties", presence_penalty=1, frequency_penalty=1, repetition_penalty=1.2, max_tokens=30)
    yield chat("all limits of a choice", temperature=2, seed=5, top_p=0.01, top_k=1, min_p=1)
    yield chat("a very small temperature", temperature=1e-9, seed=1)
    yield chat("the largest seed", temperature=1, seed=2**63 - 1)
    yield chat("the smallest seed", temperature=1, seed=-(2**63))
    yield chat("prompt_logprobs cut", messages=user(LONG), prompt_logprobs=1, truncate_prompt_tokens=6, max_tokens=4)
    yield chat("a chat cut on the right", messages=user(LONG), truncate_prompt_tokens=12, truncation_side="right")
    yield chat("one token", max_tokens=1, logprobs=True, top_logprobs=20)
    counted = [*user("Count from 7 to 12."), {"role": "assistant", "content": "7 8"}]
    prefill: dict[str, Any] = {"messages": counted, "continue_final_message": True, "add_generation_prompt": False}
    yield chat("a prefill with logprobs and ids", logprobs=True, return_token_ids=True, **prefill)
    yield chat("a prefill that comes back", echo=True, **prefill)
    yield chat("a prefill of two", **prefill, **TWO)
    yield chat("a prefill with a stop", stop="10", **prefill)


def of_tools() -> Iterator[Case]:
    for choice, effort in product(("auto", "none", "required", named("get_weather")), ("none", "low")):
        yield chat(f"{choice} and the effort {effort}", OSLO, tools=BOTH, tool_choice=choice, reasoning_effort=effort)
    yield chat("none and a format", OSLO, tools=BOTH, tool_choice="none", response_format=PLACE)
    yield chat("required and a format", OSLO, tools=BOTH, tool_choice="required", response_format=PLACE)
    yield chat("a call up to a stop", OSLO, tools=BOTH, stop="Oslo")
    yield chat("a call with a stop that does not come", OSLO, tools=BOTH, stop="never and nowhere")
    yield chat("calls of two that are sampled", OSLO, tools=BOTH, tool_choice="required", **TWO)
    yield chat("a call with special tokens", OSLO, tools=BOTH, skip_special_tokens=False)
    yield chat("a required call with logprobs", OSLO, tools=BOTH, tool_choice="required", logprobs=True)
    yield chat("a required call that is cut", OSLO, tools=BOTH, tool_choice="required", max_tokens=6)
    yield chat("tools with logprobs and no call", SUM, tools=BOTH, logprobs=True, top_logprobs=1)


def of_thoughts() -> Iterator[Case]:
    yield chat("thoughts in a format", SUM, chat_template_kwargs=THINK, response_format=PLACE)
    yield chat("thoughts and a JSON object", SUM, reasoning_effort="low", response_format={"type": "json_object"})
    yield chat(
        "thoughts that are not shown, with logprobs",
        SUM,
        reasoning_effort="low",
        include_reasoning=False,
        logprobs=True,
    )
    yield chat(
        "thoughts that are not shown, with a call", OSLO, tools=BOTH, reasoning_effort="low", include_reasoning=False
    )
    yield chat(
        "thoughts that are not shown and cut", SUM, reasoning_effort="low", include_reasoning=False, max_tokens=6
    )
    yield chat("thoughts with a stop that does not come", SUM, chat_template_kwargs=THINK, stop="never and nowhere")
    yield chat("thoughts and special tokens", SUM, chat_template_kwargs=THINK, skip_special_tokens=False)
    yield chat("thoughts of two with logprobs", SUM, chat_template_kwargs=THINK, logprobs=True, **TWO)
    yield chat("a prefill that thinks", messages=[*user(SUM), SPOKEN], chat_template_kwargs=THINK)


def of_messages() -> Iterator[Case]:
    tools = {"tools": [anthropic.WEATHER], "messages": anthropic.OSLO}
    yield message("with two stops", stop_sequences=["12", "9 10"])
    yield message("with a stop that does not come", stop_sequences=["never and nowhere"])
    yield message("with one tool at a time", tool_choice={"type": "auto", "disable_parallel_tool_use": True}, **tools)
    yield message(
        "with any tool, one at a time", tool_choice={"type": "any", "disable_parallel_tool_use": True}, **tools
    )
    yield message("with no thinking", SUM, thinking={"type": "disabled"})
    yield message("with a tool and a stop", stop_sequences=["Oslo"], **tools)
    yield message("with a call that is cut", **(tools | {"max_tokens": 8}))
    yield message("with a tool, thoughts", chat_template_kwargs=THINK, **tools)
    yield message("of one token", max_tokens=1)
    yield message(
        "with system blocks, two", system=[{"type": "text", "text": "Be kind."}, {"type": "text", "text": "And short."}]
    )


def of_responses() -> Iterator[Case]:
    tools = [responses.WEATHER]
    schema = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}
    logprobs: dict[str, Any] = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    yield response("with tools and instructions", OSLO, tools=tools, instructions="Be kind.", parallel_tool_calls=False)
    yield response("with an effort of none", SUM, reasoning={"effort": "none"})
    yield response("with an effort and tools", OSLO, tools=tools, reasoning={"effort": "low"})
    yield response("with an effort, required", OSLO, tools=tools, tool_choice="required", reasoning={"effort": "low"})
    yield response("of a schema with an effort", "Oslo", text=schema, reasoning={"effort": "low"})
    yield response("of a schema with tools, none", OSLO, text=schema, tools=tools, tool_choice="none")
    yield response("of a JSON object", "Oslo", text={"format": {"type": "json_object"}}, max_output_tokens=12)
    yield response("of one token", max_output_tokens=1)
    yield response("cut in its thoughts", SUM, reasoning={"effort": "low"}, max_output_tokens=5)
    yield response("cut in its call", OSLO, tools=tools, max_output_tokens=8)
    yield response("with logprobs of thoughts", SUM, reasoning={"effort": "low"}, **logprobs)
    yield response("with logprobs, cut", max_output_tokens=4, **logprobs)
    yield response("sampled with a seed", temperature=1.2, seed=3, top_p=0.9)
    yield response("that is cut to fit", LONG, truncation="auto")
