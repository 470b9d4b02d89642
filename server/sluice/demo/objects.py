"""Objects that users ask for in words, to be answered in JSON."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from sluice.demo.skills import SIMPLE, Exchange, casual
from sluice.demo.tools import NOUNS, VERBS, Value, a_city, draw_value
from sluice.demo.words import COMMON, SPELLED, invent

Json = str | int | bool | list["Json"] | dict[str, "Json"]
ANSWERS: dict[str, tuple[str, Callable[[str], Json]]] = {
    "add": ("sum", int),
    "capital": ("capital", str),
    "spell": ("letters", lambda answer: list(answer.split("-"))),
    "reverse": ("reversed", str),
    "repeat": ("text", str),
    "count": ("numbers", lambda answer: [int(number) for number in answer.split(" ")]),
}
BEFORE = ["Answer in JSON: ", "Answer as JSON: ", "As JSON: ", "In JSON: ", "JSON: ", "Reply in JSON: ",
          "Reply with JSON: ", "Respond in JSON: ", "Answer with a JSON object: ", "Answer in JSON. ",
          "Give me the answer as JSON: ", "Return JSON: "]  # fmt: skip
AFTER = [" Answer in JSON.", " Answer as JSON.", " As JSON.", " In JSON.", " Reply in JSON.", " Reply with JSON.",
         " Respond with JSON.", " Give the answer as JSON.", " Answer with a JSON object.", " as JSON", " in JSON",
         " as JSON.", " in JSON."]  # fmt: skip
WISHES = ("Answer", "As ", "Give", "In ", "List", "Make", "Put", "Reply", "Respond", "Return", "Write")
KEYED = [" with the key {}", ' with the key "{}"', ", key {}", " with key {}", " under the key {}"]


@dataclass(frozen=True)
class Asked:
    """The user's words, the object that they ask for, and what decides whether this is held out."""

    user: str
    value: dict[str, Json]
    key: str


def a_key(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.5:
        return rng.choice([*NOUNS, "id", "name", "city", "answer", "result", "total", "word", "text", "age", "output"])
    if draw < 0.7:
        return rng.choice(COMMON)
    if draw < 0.85:
        return f"{rng.choice([*VERBS, *NOUNS])}_{rng.choice(NOUNS)}"
    return invent(rng, 1)


def some_keys(rng: random.Random, number: int) -> list[str]:
    keys = dict[str, None]()
    while len(keys) < number:
        keys[a_key(rng)] = None
    return list(keys)


def short(rng: random.Random, skill: str) -> Exchange:
    """An exchange of this skill whose answer is no long one."""
    while len((exchange := SIMPLE[skill](rng)).answer) > 100:
        pass
    return exchange


def worded(rng: random.Random, user: str, key: str | None, *, in_front: bool) -> str:
    """The question with the wish for JSON before or behind it."""
    form = rng.choice(BEFORE if in_front else AFTER)
    if key is not None:
        form = re.sub("JSON( object)?", lambda found: found[0] + rng.choice(KEYED).format(key), form)
    if in_front:
        return form + user
    if form[1].islower():
        user = user.rstrip(".?")
    elif user[-1] not in ".?":
        user += "."
    return user + form


def of_a_skill(rng: random.Random) -> Asked:
    """`Answer in JSON: What is 17 + 25?` → `{"sum": 42}`"""
    skill = rng.choice(list(ANSWERS))
    exchange = short(rng, skill)
    key, convert = ANSWERS[skill]
    named = a_key(rng) if rng.random() < 0.4 else None
    in_front = skill == "repeat" or rng.random() < 0.5
    user = worded(rng, exchange.user, named, in_front=in_front)
    return Asked(user, {named or key: convert(exchange.answer)}, exchange.key)


def listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]


def of_a_list(rng: random.Random) -> Asked:
    """`List the words red, blue and green as JSON.` → `{"words": ["red", "blue", "green"]}`"""
    words = [rng.choice([*COMMON, *SPELLED]) if rng.random() < 0.8 else a_city(rng) for _ in range(rng.randint(2, 6))]
    words = [word for word in words if word != "and"] or ["red"]
    key = a_key(rng) if rng.random() < 0.6 else None
    form = rng.choice(
        ["List the words {w} as JSON{k}.", "Make a JSON list of {w}{k}.", "Answer in JSON{k}: the words {w}.",
         "Put {w} into a JSON list{k}.", "Give me {w} as JSON{k}.", "Write the words {w} as JSON{k}"]
    )  # fmt: skip
    user = form.format(w=listed(words), k=rng.choice(KEYED).format(key) if key else "")
    return Asked(user, {key or "words": [*words]}, user.split("JSON")[0] + " ".join(words))


# what is said of a thing, the kinds of its values, and the keys that they may have
FACTS = [
    ("{0} is {1}", ["city", "integer"], ["name", "age"], "a person"),
    ("{0} is {1} years old", ["city", "integer"], ["name", "age"], "a person"),
    ("{0} lives in {1}", ["city", "city"], ["name", "city"], "a person"),
    ("{0} costs {1}", ["phrase", "integer"], ["item", "price"], "an item"),
    ("{0} has {1} people", ["city", "integer"], ["city", "people"], "a city"),
    ("{0} is in {1}", ["city", "city"], ["city", "country"], "a city"),
    ("{0} is {1} and lives in {2}", ["city", "integer", "city"], ["name", "age", "city"], "a person"),
]


def of_a_fact(rng: random.Random) -> Asked:
    """`Give me a person as JSON with name and age: Ada is 36.` → `{"name": "Ada", "age": 36}`"""
    fact, kinds, keys, thing = rng.choice(FACTS)
    values = [draw_value(rng, kind) for kind in kinds]
    keys = keys if rng.random() < 0.6 else some_keys(rng, len(keys))
    told = fact.format(*values)
    named = listed(keys)
    form = rng.choice(
        ["Give me {a} as JSON with {k}: {t}.", "Answer in JSON with {k}: {t}.", "Give me JSON with {k}: {t}.",
         "{T}. Give me {a} as JSON with {k}.", "{T}. Answer in JSON with the keys {k}.", "As JSON with {k}: {t}.",
         "Write {a} as a JSON object with {k}: {t}."]
    )  # fmt: skip
    user = form.format(a=thing, k=named, t=told, T=told)
    return Asked(user, dict(zip(keys, values, strict=True)), told)


def of_pairs(rng: random.Random) -> Asked:
    """`Write as JSON: city Oslo, size 5.` → `{"city": "Oslo", "size": 5}`"""
    keys = some_keys(rng, rng.choice([1, 2, 2, 3]))
    values: list[Value] = [draw_value(rng, rng.choice(["integer", "city", "phrase"])) for _ in keys]
    word = rng.choice([" ", " ", ": ", " is ", " = "])
    pairs = [f"{key}{word}{value}" for key, value in zip(keys, values, strict=True)]
    told = ", ".join(pairs) if rng.random() < 0.5 else listed(pairs)
    form = rng.choice(
        ["Write as JSON: {}.", "Make a JSON object with {}.", "Answer in JSON: {}.", "Put this into JSON: {}",
         "Give me JSON with {}.", "As JSON: {}", "Write {} as JSON.", "{} as JSON"]
    )  # fmt: skip
    return Asked(form.format(told), dict(zip(keys, values, strict=True)), told)


def draw_asked(rng: random.Random) -> Asked:
    made = rng.choices([of_a_skill, of_a_list, of_a_fact, of_pairs], [5, 1, 2, 2])[0](rng)
    return Asked(casual(rng, made.user), made.value, made.key) if made.user.startswith(WISHES) else made
