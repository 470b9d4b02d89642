"""What the embedded model can do, as chats of several forms."""

from collections.abc import Iterator

from tests.faithful.corpus.case import Case, both, chat, user

ASKED = [
    "Count from 7 to 12.", "Repeat: The cat sat near the sea.", "Spell the word banana.", "Reverse the word lemon.",
    "What is 17 + 25?", "What is the capital of France?", "Hello", "Write a poem about rain.", "Repeat: é 漢 🙂 ø",
    'Say "a \\ b"', "Count from 1 to 40.",
]  # fmt: skip
NAMES = [*user("My name is Ada."), {"role": "assistant", "content": "Hi Ada!"}, *user("What is my name?")]


def cases() -> Iterator[Case]:
    yield from both(*(chat(f"skill {text}", text) for text in ASKED))
    yield from both(
        chat("three turns", messages=NAMES),
        chat("a system prompt", messages=[{"role": "system", "content": "You are kind."}, *user("What is 1 + 1?")]),
        chat("a developer's prompt", messages=[{"role": "developer", "content": "Be kind."}, *user("What is 1 + 1?")]),
        chat("a system prompt that comes second", messages=[*user("Hi"), {"role": "system", "content": "Be kind."}]),
        chat("one ends at the limit", "Count from 1 to 40.", max_tokens=5),
        chat("max_completion_tokens", "Count from 1 to 40.", max_tokens=..., max_completion_tokens=5),
        chat("both limits", "Count from 1 to 40.", max_tokens=7, max_completion_tokens=7),
        chat("limits that differ", "Count from 1 to 40.", max_tokens=9, max_completion_tokens=7),
        chat("no limit", max_tokens=...),
        chat("a limit that does not fit beside the prompt", max_tokens=32_760),
        chat("a limit beyond the context", max_tokens=40_000),
        chat("no model", model=...),
        chat("no temperature, with a seed", temperature=..., seed=11),
    )
