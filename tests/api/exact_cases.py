"""What the embedded model is asked, and what it answers to the letter, on both routes."""

from dataclasses import dataclass
from typing import Any

from tests.api.wire import CHAT, TEXT

FIRST_BYTE = 9
"""The embedded model's token of byte 0; the others follow. It has all 256, for what its vocabulary does not know."""
GREEDY = {"model": "demo", "temperature": 0, "max_tokens": 100}


@dataclass(frozen=True)
class Case:
    """`texts`: the answer of each choice. `pieces`: how it falls into tokens, where that is what it is about."""

    path: str
    body: dict[str, Any]
    texts: tuple[str, ...]
    finish_reason: str = "stop"
    pieces: tuple[str, ...] | None = None

    @property
    def stop(self) -> list[str]:
        return list(self.body.get("stop", ()))


def chatml(user: str) -> str:
    return f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


def both(user: str, text: str, finish_reason: str = "stop", **fields: Any) -> list[Case]:
    """The same question to both routes; all of `n` choices say the same."""
    texts = (text,) * fields.get("n", 1)
    chat = GREEDY | {"messages": [{"role": "user", "content": user}]} | fields
    return [
        Case(CHAT, chat, texts, finish_reason),
        Case(TEXT, GREEDY | {"prompt": chatml(user)} | fields, texts, finish_reason),
    ]


def counting(first: int, last: int) -> tuple[str, str]:
    return f"Count from {first} to {last}.", " ".join(map(str, range(first, last + 1)))


def repeating(text: str) -> tuple[str, str]:
    return f"Repeat: {text}", text


KNOWN = [
    *(counting(first, first + more) for first, more in [(1, 9), (7, 5), (42, 8), (93, 12), (290, 4), (700, 3)]),
    *map(
        repeating,
        [
            "The cat sat near the sea.",
            "My 🙂 is 中 and é, not 42!",
            "The old dog will run to the river today.",
            "We like a black 🐍, it likes us.",
            "big 山 small 水, then 🚀!",
        ],
    ),
    ("Spell the word banana.", "b-a-n-a-n-a"),
    ("Spell the word keyboard.", "k-e-y-b-o-a-r-d"),
    ("Reverse the word stone.", "enots"),
    ("What is 17 + 25?", "42"),
    ("What is the capital of France?", "Paris"),
]
COUNT, SPELL = counting(7, 20), KNOWN[11]

PLAIN = [case for user, text in KNOWN for case in both(user, text)]
LENGTH = [*both(COUNT[0], "7 8 9", "length", max_tokens=5), *both(SPELL[0], "b-a", "length", max_tokens=3)]
STOP = [
    *both(COUNT[0], "7 8 9 10 ", stop=["11 12"]),
    *both(COUNT[0], "7 8 ", stop=["9 1"]),  # ends within a token
    *both(COUNT[0], "7 8 9 10 11 ", stop=["9 11", "14 15", "12 13"]),  # the first begins, and is not to be
    *both(SPELL[0], "b-a-", stop=["n-a-n-a"]),
    *both("Repeat: The cat sat near the sea.", "The cat ", stop=["sat near"], n=2),
]
NEARLY = [
    *both(*COUNT, stop=["9 11", "19 20 2"]),
    *both(*SPELL, stop=["a-n-a-b"]),  # begins twice, and is all that is left in the end
    *both(COUNT[0], "7 8 9", "length", max_tokens=5, stop=["9 10"]),
]
SEVERAL = [
    *both(*counting(20, 26), n=4),
    *both(*SPELL, n=4),
    Case(TEXT, GREEDY | {"prompt": [chatml(COUNT[0]), chatml(SPELL[0])], "n": 2}, (COUNT[1],) * 2 + (SPELL[1],) * 2),
    Case(TEXT, GREEDY | {"prompt": [chatml(user) for user, _ in KNOWN[:6]]}, tuple(text for _, text in KNOWN[:6])),
]


def logprobs(case: Case, number: int) -> Case:
    """The same, with the `number` likeliest of each token."""
    fields = {"logprobs": True, "top_logprobs": number} if case.path == CHAT else {"logprobs": number}
    return Case(case.path, case.body | fields, case.texts, case.finish_reason, case.pieces)


def forced(*pieces: str) -> list[Case]:
    """The model is made to say this, a token a byte; no byte may be there twice.

    The bias of every byte is higher than that of the next, and a byte that was said is pressed below them all.
    """
    text = "".join(pieces)
    tokens = [FIRST_BYTE + byte for byte in text.encode()]
    assert len(set(tokens)) == len(tokens) == len(pieces)
    bias = {str(token): 100 - 50 * place / len(tokens) for place, token in enumerate(tokens)}
    fields = GREEDY | {"max_tokens": len(tokens), "logit_bias": bias, "repetition_penalty": 20}
    return [
        Case(CHAT, fields | {"messages": [{"role": "user", "content": "1"}]}, (text,), "length", pieces),
        Case(TEXT, fields | {"prompt": [FIRST_BYTE + ord("7")]}, (text,), "length", pieces),
    ]


LINE_SEPARATOR = "\u2028"
"""No line break in SSE, but for some clients."""
SPLIT = [
    *forced("", "", "漢"),
    *forced("", "é", "", "", "漢"),
    *forced("", "", "", "🦀", "", "é"),
    *forced("n", "a", "", "ï", "v", "e"),
    *forced("", "ж", "", "", "€"),
    *forced("", "", LINE_SEPARATOR, "", "é"),
]
HALVES = [
    Case(case.path, case.body | {"max_tokens": len(case.pieces) - 1}, (case.texts[0][:-1],), "length", case.pieces[:-1])
    for case in SPLIT
    if case.pieces and case.pieces[-2] == ""
]
LOGPROBS = [
    logprobs(case, number)
    for number, cases in ((0, PLAIN[:8]), (3, PLAIN[16:24] + LENGTH + STOP + NEARLY + SEVERAL + SPLIT))
    for case in cases
]
ALL = [*PLAIN, *LENGTH, *STOP, *NEARLY, *SEVERAL, *SPLIT, *HALVES, *LOGPROBS]
