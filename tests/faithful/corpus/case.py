"""One request of the corpus, and the shapes in which it is sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
TWO: dict[str, Any] = {"n": 2, "temperature": 1, "seed": 4}
"""Two sequences; vLLM wants them sampled."""


@dataclass(frozen=True)
class Case:
    """`body` is sent as JSON, or as it is if it is bytes."""

    name: str
    path: str
    body: dict[str, Any] | bytes


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def chat(name: str, text: str = "Count from 7 to 12.", /, **fields: Any) -> Case:
    """Greedy unless it says otherwise; of a length that a wrong answer reaches soon. `...` leaves a field out."""
    body = {"model": "demo", "messages": user(text), "temperature": 0, "max_tokens": 60} | fields
    return Case(f"chat {name}", CHAT, given(body))


def completion(name: str, prompt: Any = "Count from 7 to 12.", /, **fields: Any) -> Case:
    body = {"model": "demo", "prompt": prompt, "temperature": 0, "max_tokens": 8} | fields
    return Case(f"completion {name}", COMPLETIONS, given(body))


def given(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not ...}


def both(*cases: Case) -> Iterator[Case]:
    """Each whole, and each streamed with its usage."""
    for case in cases:
        assert isinstance(case.body, dict)
        yield case
        streamed: dict[str, Any] = {"stream": True}
        if case.path in (CHAT, COMPLETIONS):
            streamed |= {"stream_options": {"include_usage": True}}
        yield Case(f"{case.name}, streamed", case.path, case.body | streamed)
