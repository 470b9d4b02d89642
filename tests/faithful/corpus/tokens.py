"""`/tokenize` and `/detokenize`."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, given, user
from tests.faithful.corpus.tools import WEATHER

TEXTS = ["", "Count from 7 to 12.", "é 漢 🙂", "<|im_start|>user\nHi<|im_end|>", "  two  spaces\n"]


WRONG_TEXTS: list[dict[str, Any]] = [
    {},
    {"prompt": 1},
    {"prompt": None},
    {"messages": []},
    {"prompt": "a", "model": "nobody"},
    {"messages": "a"},
]
WRONG_TOKENS: list[dict[str, Any]] = [
    {},
    {"tokens": [-1]},
    {"tokens": [99999999]},
    {"tokens": "a"},
    {"tokens": ["a"]},
    {"tokens": [5], "model": "nobody"},
]


def tokenize(name: str, **fields: Any) -> Case:
    return Case(f"tokenize {name}", "/tokenize", given({"model": "demo"} | fields))


def detokenize(name: str, **fields: Any) -> Case:
    return Case(f"detokenize {name}", "/detokenize", given({"model": "demo"} | fields))


def cases() -> Iterator[Case]:
    for text in TEXTS:
        yield tokenize(f"{text!r}", prompt=text)
        yield tokenize(f"{text!r}, with tokens", prompt=text, return_token_strs=True)
    yield tokenize("without special tokens", prompt="Hi", add_special_tokens=False)
    yield tokenize("without a model", model=..., prompt="Hi")
    yield tokenize("a chat", messages=user("Hi"))
    yield tokenize("a chat with tokens", messages=user("Hi"), return_token_strs=True)
    yield tokenize("a chat without a generation prompt", messages=user("Hi"), add_generation_prompt=False)
    yield tokenize("a chat with tools", messages=user("Hi"), tools=[WEATHER])
    yield tokenize("a chat that thinks", messages=user("Hi"), chat_template_kwargs={"enable_thinking": True})
    yield tokenize(
        "a prefill",
        messages=[*user("Hi"), {"role": "assistant", "content": "Yes"}],
        continue_final_message=True,
        add_generation_prompt=False,
    )
    for wrong in WRONG_TEXTS:
        yield tokenize(f"{wrong}", **wrong)
    yield tokenize(
        "a prefill and a prompt", messages=user("Hi"), continue_final_message=True, add_generation_prompt=True
    )
    for tokens in ([], [5, 9, 300], [1], [0, 1, 2]):
        yield detokenize(f"{tokens}", tokens=tokens)
    yield detokenize("without a model", model=..., tokens=[5])
    for wrong in WRONG_TOKENS:
        yield detokenize(f"{wrong}", **wrong)
