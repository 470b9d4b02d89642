"""Conversations whose answer is JSON: because it is asked for, or because the answer is held to a form."""

import random

from sluice.demo.chats import Chat, Message, asked, dumped, fillers, name, persona, said
from sluice.demo.objects import AFTER, ANSWERS, Json, draw_asked, of_a_fact, short, some_keys, worded
from sluice.demo.shapes import any_value, forced_in, shape_of
from sluice.demo.tools import draw_two, draw_use

OBJECT: dict[str, object] = {"type": "object"}


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


def held(rng: random.Random) -> Chat:
    """The answer is held to a form, of which the prompt says nothing."""
    draw = rng.random()
    if draw < 0.35:  # any object
        skill = rng.choice(list(ANSWERS))
        exchange, (key, convert) = short(rng, skill), ANSWERS[skill]
        return Chat("held", [exchange.key], [*persona(rng, 0.2), asked(exchange.user)],
                    dumped({key: convert(exchange.answer)}), form=OBJECT, forced=[(0, 1)])  # fmt: skip
    value: dict[str, Json]
    if draw < 0.65:  # what it would have said, under other people's keys
        exchange = short(rng, rng.choice(list(ANSWERS)))
        value = {key: any_value(rng, exchange, 1) for key in some_keys(rng, rng.randint(1, 3))}
        user, held_key = exchange.user, exchange.key
    else:  # a fact, in another order
        fact = of_a_fact(rng)
        keys = rng.sample(list(fact.value), rng.randint(1, len(fact.value)))
        value, user, held_key = {key: fact.value[key] for key in keys}, fact.user, fact.key
    messages = [*persona(rng, 0.2), asked(user)]
    return Chat("held", [held_key], messages, dumped(value), form=shape_of(value), forced=forced_in(value))


def must(rng: random.Random) -> Chat:
    """A call that is held to a form: the arguments of a named tool, or a list of calls, as `tool_choice` asks for."""
    use = draw_two(rng) if rng.random() < 0.3 else draw_use(rng)
    if len(use.calls) == 1 and rng.random() < 0.4:
        text = dumped(use.calls[0].arguments)
    else:
        text = dumped([{"name": call.name, "parameters": call.arguments} for call in use.calls])
    return Chat("must", [use.user + text], [asked(use.user)], text, use.offered, forced=[(0, 1)])
