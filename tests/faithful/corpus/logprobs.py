"""Logprobs of the answer and of the prompt, and what else tells tokens."""

from collections.abc import Iterator
from itertools import product

from tests.faithful.corpus.case import TWO, Case, both, chat, completion

TOKENS = [5, 9, 300, 12]


def cases() -> Iterator[Case]:
    yield from of_chats()
    yield from of_completions()


def of_chats() -> Iterator[Case]:
    for top in (..., 0, 1, 5, 20):
        yield from both(chat(f"logprobs {top}", logprobs=True, top_logprobs=top))
    yield from both(
        chat("logprobs of signs", "Repeat: é 漢 🙂", logprobs=True, top_logprobs=2),
        chat("logprobs as ids", logprobs=True, top_logprobs=2, return_tokens_as_token_ids=True),
        chat("logprobs up to a stop", logprobs=True, stop="10"),
        chat("logprobs of two", logprobs=True, **TWO),
        chat("logprobs of some ids", logprobs=True, logprob_token_ids=[20, 21]),
        chat("logprobs with ids", logprobs=True, return_token_ids=True, **TWO),
        chat(
            "logprobs with thoughts", "What is 17 + 25?", logprobs=True, chat_template_kwargs={"enable_thinking": True}
        ),
        chat("prompt logprobs 0", prompt_logprobs=0),
        chat("prompt logprobs 2", prompt_logprobs=2),
        chat("prompt logprobs and ids", prompt_logprobs=1, return_token_ids=True),
        chat("echo", echo=True),
        chat("the prompt's text", return_prompt_text=True),
    )


def of_completions() -> Iterator[Case]:
    prompts = {"text": "Count from 7", "ids": TOKENS, "texts": ["1 2 3", "Hello"], "lists": [TOKENS, [7, 8, 9]]}
    for (kind, prompt), echo, logprobs, more in product(prompts.items(), (False, True), (None, 0, 2), ({}, TWO)):
        name = f"{kind}, echo {echo}, logprobs {logprobs}, n {more.get('n', 1)}"
        yield from both(completion(name, prompt, echo=echo, logprobs=logprobs, max_tokens=4, **more))
    for most in (0, 1):
        yield from both(completion(f"echo of max_tokens {most}", TOKENS, echo=True, logprobs=1, max_tokens=most))
    yield from both(
        completion("echo without logprobs or answer", "1 2 3", echo=True, max_tokens=0),
        completion("logprobs as ids", logprobs=1, return_tokens_as_token_ids=True),
        completion("logprobs of some ids", logprobs=1, logprob_token_ids=[20, 21]),
        completion("prompt logprobs", prompt_logprobs=1),
        completion("ids and prompt logprobs", TOKENS, prompt_logprobs=1, return_token_ids=True),
        completion("ids of lists", [TOKENS, [7, 8]], return_token_ids=True, **TWO),
        completion("best_of like n", best_of=2, **TWO),
        completion("logprobs of signs", "Repeat: é 漢 🙂", logprobs=1, echo=True),
        completion("a suffix that is empty", suffix=None),
    )
