"""What is asked, how often, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

WORDS = "Count slowly from 1 to 200 and then start again please now".split()
Route = Literal["chat", "completions"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    model: str
    conns: int
    """Streams at once."""
    tokens: int
    words: int
    """Of the prompt."""
    route: Route
    seconds: float
    """For each load."""
    rounds: int
    """That are counted; one more warms up."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of an answer, a load each."""
        return list(dict.fromkeys((self.tokens, 1)))

    @property
    def path(self) -> str:
        return "/v1/chat/completions" if self.route == "chat" else "/v1/completions"

    def body(self, tokens: int) -> dict[str, Any]:
        prompt = " ".join(WORDS[number % len(WORDS)] for number in range(self.words))
        asked = {"messages": [{"role": "user", "content": prompt}]} if self.route == "chat" else {"prompt": prompt}
        return {
            "model": self.model, **asked, "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
            "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
