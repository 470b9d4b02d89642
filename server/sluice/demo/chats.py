"""Conversations for training and measuring: exchanges put together, as messages of the OpenAI form."""

import json
import random
import re
from dataclasses import dataclass, replace

from sluice.demo.skills import SIMPLE, Exchange, chat, held_out, sentence
from sluice.demo.tools import Call, ToolUse, draw_two, draw_use
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


def dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def called(calls: list[Call]) -> Message:
    functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": function} for function in functions]}


def using(rng: random.Random, skill: str, use: ToolUse, key: str, answer: str) -> Chat:
    """The `answer` with the calls; or their results have come back, and are told."""
    before = fillers(rng, 1) if rng.random() < 0.2 else []
    messages = persona(rng, 0.1) + [m for e in before for m in (asked(e.user), said(e.answer))] + [asked(use.user)]
    if rng.random() < 0.3:
        results = [a_result(rng) for _ in use.calls]
        messages.append(called(use.calls))
        messages += [{"role": "tool", "content": result} for result in results]
        answer = "\n".join(f"The tool says: {result}" for result in results)
    return Chat(skill, [f"{use.user} {key}", *(e.key for e in before)], messages, answer, use.offered)


def a_result(rng: random.Random) -> str:
    told = rng.random() < 0.6
    return sentence(rng) if told else json.dumps({rng.choice(["result", "value"]): rng.randint(0, 99)})


def tool(rng: random.Random) -> Chat:
    """A call of a tool on offer; sometimes its result comes back and is told; sometimes no tool is wanted."""
    use = draw_use(rng)
    if rng.random() < 0.15:
        plain = simple(rng, rng.choice(list(SIMPLE)))
        return Chat("tool", plain.keys, plain.messages, plain.answer, use.offered)
    (call,) = use.calls
    text = dumped({"name": call.name, "arguments": call.arguments})
    return using(rng, "tool", use, text, f"<tool_call>{text}</tool_call>")


def calls(rng: random.Random) -> Chat:
    """Two calls at once; sometimes both results come back and are told."""
    use = draw_two(rng)
    texts = [dumped({"name": call.name, "arguments": call.arguments}) for call in use.calls]
    answer = "".join(f"<tool_call>{text}</tool_call>" for text in texts)
    return using(rng, "calls", use, answer, answer)


def plan(rng: random.Random) -> Chat:
    """Tools on offer, and a thought first: of the call, of its result, or of what needs no tool."""
    if rng.random() < 0.2:
        return replace(think(rng), skill="plan", tools=draw_use(rng).offered)
    made = calls(rng) if rng.random() < 0.3 else tool(rng)
    names = re.findall(r'<tool_call>{"name": "(\w+)"', made.answer)
    if names:
        thought = f"I call {' and '.join(dict.fromkeys(names))}."
    elif made.messages[-1]["role"] == "tool":
        thought = "The tool has answered."
    else:
        return plan(rng)
    return replace(made, skill="plan", answer=f"<think>\n{thought}\n</think>\n\n{made.answer}", thinking=True)
