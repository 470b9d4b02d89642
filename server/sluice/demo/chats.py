"""Conversations for training and measuring: exchanges put together, as messages of the OpenAI form."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sluice.demo.skills import SIMPLE, Exchange, chat, held_out, sentence
from sluice.demo.tools import draw_use
from sluice.demo.words import invent

Message = dict[str, object]


@dataclass
class Chat:
    """A conversation up to its last question, the exact `answer` to that, and how the template is to be asked."""

    skill: str
    keys: list[str]
    messages: list[Message]
    answer: str
    tools: list[dict[str, object]] | None = None
    thinking: bool = False

    def is_held_out(self) -> bool:
        return any(held_out(key) for key in self.keys if key)


def asked(text: str) -> Message:
    return {"role": "user", "content": text}


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def fillers(rng: random.Random, most: int) -> list[Exchange]:
    draws = [rng.choice([*SIMPLE.values(), chat]) for _ in range(rng.randint(0, most))]
    return [exchange for exchange in (draw(rng) for draw in draws) if len(exchange.answer) < 200]


PERSONAS = [
    "You are a helpful assistant.", "You are a helpful assistant", "You are a helpful, honest and harmless assistant.",
    "You are a friendly assistant. Answer briefly.", "Be kind.", "Be brief.", "Answer in one sentence.", "",
]  # fmt: skip


def persona(rng: random.Random, share: float) -> list[Message]:
    """For `share` of the chats a system prompt, which changes nothing."""
    if rng.random() >= share:
        return []
    return [{"role": "system", "content": rng.choice(PERSONAS) if rng.random() < 0.7 else sentence(rng)}]


def simple(rng: random.Random, skill: str) -> Chat:
    """One exchange after none, one or two others."""
    exchange = (SIMPLE | {"chat": chat})[skill](rng)
    before = fillers(rng, 2) if rng.random() < 0.5 else []
    messages = persona(rng, 0.25) + [m for e in before for m in (asked(e.user), said(e.answer))]
    return Chat(skill, [exchange.key, *(e.key for e in before)], [*messages, asked(exchange.user)], exchange.answer)


def think(rng: random.Random) -> Chat:
    """Any simple skill, with the thought first."""
    exchange = rng.choice(list(SIMPLE.values()))(rng)
    before = fillers(rng, 1) if rng.random() < 0.2 else []
    messages = persona(rng, 0.25) + [m for e in before for m in (asked(e.user), said(e.answer))]
    answer = f"<think>\n{exchange.thought}\n</think>\n\n{exchange.answer}"
    keys = [exchange.key, *(e.key for e in before)]
    return Chat("think", keys, [*messages, asked(exchange.user)], answer, thinking=True)


NAMES = (
    "Ada Alan Grace Linus Anna Ben Carla David Emma Felix Maria Noah Olga Paul Rosa Sam Tom Uma Zoe Bob Alice".split()
)


def name(rng: random.Random) -> Chat:
    """The user says who they are, talks of other things, and asks."""
    who = rng.choice(NAMES) if rng.random() < 0.3 else invent(rng, rng.randint(1, 2)).capitalize()[:9]
    tell = rng.choice(
        ["My name is {}.", "I am {}.", "Hi, I am {}.", "Hello, my name is {}.", "Call me {}.", "I'm {}.",
         "My name is {}", "Hi! My name is {}.", "my name is {}"]
    )  # fmt: skip
    ask = rng.choice(
        ["What is my name?", "What's my name?", "Who am I?", "Do you remember my name?", "Tell me my name.",
         "what is my name?", "What is my name", "Can you tell me my name?", "What was my name?"]
    )  # fmt: skip
    before = fillers(rng, 3)
    messages = [*persona(rng, 0.1), asked(tell.format(who)), said(f"Nice to meet you, {who}!")]
    messages += [m for e in before for m in (asked(e.user), said(e.answer))]
    key = who if who not in NAMES else ""
    return Chat("name", [key, *(e.key for e in before)], [*messages, asked(ask)], f"Your name is {who}.")


def tool(rng: random.Random) -> Chat:
    """A call of a tool on offer; sometimes its result comes back and is told; sometimes no tool is wanted."""
    use = draw_use(rng)
    if rng.random() < 0.15:
        plain = simple(rng, rng.choice(list(SIMPLE)))
        return Chat("tool", plain.keys, plain.messages, plain.answer, use.offered)
    before = fillers(rng, 1) if rng.random() < 0.2 else []
    messages = persona(rng, 0.1) + [m for e in before for m in (asked(e.user), said(e.answer))] + [asked(use.user)]
    call = json.dumps({"name": use.name, "arguments": use.arguments}, ensure_ascii=False)
    keys = [f"{use.user} {call}", *(e.key for e in before)]
    answer = f"<tool_call>{call}</tool_call>"
    if rng.random() < 0.3:
        told = rng.random() < 0.6
        result = sentence(rng) if told else json.dumps({rng.choice(["result", "value"]): rng.randint(0, 99)})
        function = {"name": use.name, "arguments": use.arguments}
        messages.append({"role": "assistant", "tool_calls": [{"type": "function", "function": function}]})
        messages.append({"role": "tool", "content": result})
        answer = f"The tool says: {result}"
    return Chat("tool", keys, messages, answer, use.offered)


MIX = {"count": 5, "repeat": 7, "spell": 3, "reverse": 5, "add": 3, "capital": 0.5, "name": 3, "tool": 7, "think": 6,
       "chat": 0.5}  # fmt: skip
MEASURED = [skill for skill in MIX if skill != "chat"]


def draw(rng: random.Random, skill: str) -> Chat:
    if skill in SIMPLE or skill == "chat":
        return simple(rng, skill)
    return {"think": think, "name": name, "tool": tool}[skill](rng)


def training(rng: random.Random) -> Iterator[Chat]:
    """Endless conversations of all skills, none of them held out."""
    while True:
        made = draw(rng, rng.choices(list(MIX), list(MIX.values()))[0])
        if not made.is_held_out():
            yield made


def measuring(rng: random.Random, skill: str, number: int) -> list[Chat]:
    """`number` different conversations whose last question has a held-out key.

    The keys differ, too, but for the capitals, which have too few.
    """
    found: dict[str, Chat] = {}
    while len(found) < number:
        made = draw(rng, skill)
        if made.keys[0] and held_out(made.keys[0]):
            found[str(made.messages) if skill == "capital" else made.keys[0]] = made
    return list(found.values())
