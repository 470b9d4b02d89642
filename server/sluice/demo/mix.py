"""All skills mixed: endless conversations to train on, and held-out ones to measure."""

import random
from collections.abc import Iterator

from sluice.demo.chats import Chat, calls, name, plan, simple, think, tool
from sluice.demo.forms import as_json
from sluice.demo.skills import held_out

FIRST = {"count": 5, "repeat": 7, "spell": 3, "reverse": 5, "add": 3, "capital": 0.5, "name": 3, "tool": 7, "think": 6,
         "chat": 0.5}  # fmt: skip
"""What the vocabulary was counted over: another mix here makes another tokenizer, which the weights do not fit."""
MIX = {"count": 8, "repeat": 6, "spell": 2, "reverse": 6, "add": 2, "capital": 0.5, "name": 2, "tool": 4, "think": 4,
       "chat": 0.5, "calls": 6, "plan": 3, "json": 10}  # fmt: skip
MEASURED = [skill for skill in MIX if skill != "chat"]
MAKERS = {"think": think, "name": name, "tool": tool, "calls": calls, "plan": plan, "json": as_json}


def draw(rng: random.Random, skill: str) -> Chat:
    return MAKERS[skill](rng) if skill in MAKERS else simple(rng, skill)


def training(rng: random.Random, mix: dict[str, float]) -> Iterator[Chat]:
    """Endless conversations of a mix of skills, none of them held out."""
    while True:
        made = draw(rng, rng.choices(list(mix), list(mix.values()))[0])
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
