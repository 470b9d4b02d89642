"""What the soak's clients ask for, and whether an answer is the right one, to the letter."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import httpx

LONGEST = 150
"""Numbers that an answer counts: the embedded model has learned no more than 194."""


class Wrong(Exception):
    """An answer that is not what it should be."""


class Ask(NamedTuple):
    """`wanted`: the text, or, of the key of an object, the type. `times`: how often it is in the answer (`n`)."""

    path: str
    body: dict[str, Any]
    wanted: str
    times: int = 1

    @property
    def is_streamed(self) -> bool:
        return bool(self.body.get("stream"))

    def check(self, answer: str) -> None:
        """Raises Wrong."""
        told = list(streamed(answer) if self.is_streamed else whole(json.loads(answer)))
        if told != [self.wanted] * self.times:
            raise Wrong(f"{told} is not {self.wanted!r}, {self.times} times: {answer[-300:]!r}")


def draw(random: Random) -> Ask:
    """Any API, streamed or not; greedy, or with a seed."""
    first = random.randint(1, 50)
    last = first + random.randint(5, LONGEST)
    text = f"Count from {first} to {last}."
    wanted = " ".join(map(str, range(first, last + 1)))
    stream, most = random.random() < 0.7, 4 * LONGEST
    chat = {"model": "demo", "messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": most}
    sampled = {"temperature": 0} if random.random() < 0.7 else {"temperature": 0.1, "seed": random.randint(0, 9)}
    match random.choice(["chat", "chat", "chat", "n", "penalty", "messages", "responses"]):
        case "n":
            return Ask("/v1/chat/completions", chat | sampled | {"n": 2}, wanted, 2)
        case "penalty":
            return Ask("/v1/chat/completions", chat | {"temperature": 0, "presence_penalty": 0.001}, wanted)
        case "messages":
            return Ask("/v1/messages", chat | {"temperature": 0}, wanted)
        case "responses":
            body = {"model": "demo", "input": text, "stream": stream, "max_output_tokens": most, "temperature": 0}
            return Ask("/v1/responses", body, wanted)
    return Ask("/v1/chat/completions", chat | sampled, wanted)


def whole(answer: dict[str, Any]) -> Iterator[str]:
    """The texts of an answer that is not streamed."""
    if "choices" in answer:
        yield from (choice["message"]["content"] for choice in answer["choices"])
    elif "content" in answer:
        yield from (block["text"] for block in answer["content"])
    else:
        yield from (part["text"] for item in answer["output"] for part in item["content"])


ENDS = ("data: [DONE]", '"type":"message_stop"', '"type":"response.completed"')


def streamed(answer: str) -> Iterator[str]:
    """The texts of a stream. Raises Wrong if it is not complete."""
    events = [event for event in answer.strip().split("\n\n") if event != ": ping"]
    if not any(end in events[-1] for end in ENDS):
        raise Wrong(f"The stream is not complete: {answer[-300:]!r}")
    texts = dict[int, str]()
    for event in events:
        data = event.rpartition("data: ")[2]
        told = json.loads(data) if data != "[DONE]" else {}
        if "error" in told:
            raise Wrong(f"The stream ended with an error: {data}")
        for choice in told.get("choices", ()):
            index = choice["index"]
            texts[index] = texts.get(index, "") + (choice["delta"].get("content") or "")
        if told.get("type") == "content_block_delta":
            texts[0] = texts.get(0, "") + told["delta"]["text"]
        elif told.get("type") == "response.output_text.delta":
            texts[0] = texts.get(0, "") + told["delta"]
    yield from texts.values()


def is_refusal(answer: httpx.Response) -> bool:
    """One that says when to come again."""
    return answer.status_code in (429, 503) and int(answer.headers.get("retry-after", 0)) > 0
