"""Conversations in which JSON is asked for."""

import random

from sluice.demo.chats import Chat, Message, asked, dumped, fillers, name, persona, said
from sluice.demo.objects import AFTER, ANSWERS, draw_asked, short, worded


def as_json(rng: random.Random) -> Chat:
    """JSON is asked for, with or without its keys, by the user or by the system prompt."""
    draw = rng.random()
    if draw < 0.1:
        made = name(rng)
        who = made.answer.removeprefix("Your name is ").removesuffix(".")
        question = worded(rng, str(made.messages[-1]["content"]), None, in_front=rng.random() < 0.5)
        return Chat("json", made.keys, [*made.messages[:-1], asked(question)], dumped({"name": who}))
    if draw < 0.25:
        skill = rng.choice(list(ANSWERS))
        exchange, (key, convert) = short(rng, skill), ANSWERS[skill]
        system: Message = {"role": "system", "content": rng.choice(AFTER[:9]).strip()}
        return Chat("json", [exchange.key], [system, asked(exchange.user)], dumped({key: convert(exchange.answer)}))
    wish = draw_asked(rng)
    before = fillers(rng, 1) if rng.random() < 0.2 else []
    messages = persona(rng, 0.1) + [m for e in before for m in (asked(e.user), said(e.answer))]
    return Chat("json", [wish.key, *(e.key for e in before)], [*messages, asked(wish.user)], dumped(wish.value))
