"""What is asked, how often, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

WORDS = "Count slowly from 1 to 200 and then start again please now".split()
Route = Literal["chat", "completions"]
Reading = Literal["plain", "tools", "reasoning"]
TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
ASKED: Mapping[Reading, Mapping[str, Any]] = {
    "plain": {},
    "tools": {"tools": [{"type": "function", "function": TOOL}]},
    "reasoning": {"chat_template_kwargs": {"enable_thinking": True}},
}
"""What a chat that is read so asks for."""


@dataclass(frozen=True)
class Answers:
    """A load's. `reading`: what a server has to look for in each; `tools` are on offer, and none is called for."""

    tokens: int
    reading: Reading = "plain"

    def __str__(self) -> str:
        length = f"{self.tokens} token{'s' * (self.tokens != 1)}"
        return {"plain": length, "tools": f"{length}, tools on offer", "reasoning": f"{length}, thinking"}[self.reading]

    @property
    def are_read(self) -> bool:
        return self.reading != "plain"


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
    readings: Sequence[Reading] = ()
    """Beside plain answers, chats that are read so."""

    @property
    def loads(self) -> Sequence[Answers]:
        """The answers of each."""
        read = [Answers(self.tokens, reading) for reading in self.readings if self.route == "chat"]
        return list(dict.fromkeys((Answers(self.tokens), *read, Answers(1))))

    @property
    def path(self) -> str:
        return "/v1/chat/completions" if self.route == "chat" else "/v1/completions"

    def body(self, answers: Answers) -> dict[str, Any]:
        prompt = " ".join(WORDS[number % len(WORDS)] for number in range(self.words))
        asked = {"messages": [{"role": "user", "content": prompt}]} if self.route == "chat" else {"prompt": prompt}
        return {
            "model": self.model, **asked, **ASKED[answers.reading], "max_tokens": answers.tokens, "temperature": 0,
            "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
