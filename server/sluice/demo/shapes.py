"""Values as a JSON schema asks for them, and what it then leaves to choose."""

import json
import random
import re

from sluice.demo.objects import Json, some_keys
from sluice.demo.skills import Exchange


def any_value(rng: random.Random, exchange: Exchange, depth: int) -> Json:
    """What an exchange says, as whatever a schema may ask for."""
    draw = rng.random()
    if draw < 0.45:
        return exchange.answer
    if draw < 0.7:
        return int((re.findall(r"\d+", exchange.answer) or re.findall(r"\d+", exchange.user) or ["0"])[0])
    if draw < 0.8:
        return True
    if draw < 0.9 or not depth:
        return [*exchange.answer.split(" ")]
    return {key: any_value(rng, exchange, depth - 1) for key in some_keys(rng, rng.randint(1, 2))}


def shape_of(value: Json) -> dict[str, object]:
    """The JSON schema of values like this one; nothing in it says how long they are."""
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array", "items": shape_of(value[0])}
    properties = {key: shape_of(item) for key, item in value.items()}
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def forced_in(value: Json, at: int = 0) -> list[tuple[int, int]]:
    """Where the schema of a value leaves nothing to choose in its JSON, which begins `at` this character.

    That is each key, the beginning of each value, which tells its type, and what leads to the next key. Where the last
    value ends, and a list, is the model's own choice.
    """
    text = json.dumps(value, ensure_ascii=False)
    match value:
        case bool():
            return [(at, at + len(text))]
        case int():
            return []
        case str():
            return [(at, at + 1)]
    spans = [(at, at + 1)]
    at += 1
    if isinstance(value, list):
        for item in value:
            spans += forced_in(item, at)
            at += len(json.dumps(item, ensure_ascii=False)) + len(", ")
        return spans
    for key, item in value.items():
        begin = at + len(json.dumps(key)) + len(": ")
        end = begin + len(json.dumps(item, ensure_ascii=False))
        spans += [(at, begin), *forced_in(item, begin)]
        at = end + len(", ")
        if key != list(value)[-1]:  # a text's last quote goes with the comma: they are one token
            spans.append((end - isinstance(item, str), at))
    return spans
