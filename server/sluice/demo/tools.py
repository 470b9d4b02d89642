"""Tools that the demo model is offered, and what it is asked to do with them."""

import random
from dataclasses import dataclass

from sluice.demo.words import CAPITALS, COMMON, SPELLED, invent

Value = str | int
PLAIN = [word for word in COMMON if word not in ("and", "with", "to", "the", "message")]
"""What a value may be made of: the requests themselves use the others to tell one value from the next."""


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Value]


@dataclass(frozen=True)
class ToolUse:
    """The `offered` tools, and the calls that the user's words ask for."""

    offered: list[dict[str, object]]
    user: str
    calls: list[Call]


def schema(rng: random.Random, name: str, parameters: dict[str, str]) -> dict[str, object]:
    """A tool as OpenAI's clients write it, with or without its ornaments."""
    function: dict[str, object] = {
        "name": name,
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in parameters.items()},
            "required": list(parameters),
        },
    }
    if rng.random() < 0.5:
        function["description"] = " ".join(rng.choices(COMMON, k=4))
    return {"type": "function", "function": function}


def a_city(rng: random.Random) -> str:
    return rng.choice(list(CAPITALS.values())) if rng.random() < 0.5 else invent(rng, 2).capitalize()


def a_phrase(rng: random.Random) -> str:
    return " ".join(rng.choice(PLAIN if rng.random() < 0.6 else SPELLED) for _ in range(rng.randint(1, 4)))


# kind: (names, parameter names, types, what users say; {0} and {1} are the values)
FAMILIES = [
    (["get_weather", "weather", "get_current_weather", "weather_lookup", "fetch_weather"],
     [["city"], ["location"], ["place"], ["town"]], ["city"],
     ["What is the weather in {0}?", "What's the weather in {0}?", "How is the weather in {0} today?", "weather in {0}",
      "Is it warm in {0}?", "What is the weather like in {0}?", "Tell me the weather in {0}."]),
    (["get_time", "time", "current_time", "get_current_time", "clock"],
     [["city"], ["location"], ["timezone"]], ["city"],
     ["What time is it in {0}?", "What is the time in {0}?", "Tell me the time in {0}.", "time in {0}"]),
    (["search", "web_search", "search_web", "search_docs", "find"],
     [["query"], ["q"], ["text"]], ["phrase"],
     ["Search for {0}.", "Search the web for {0}.", "Look up {0}.", "Find {0}.", "search {0}"]),
    (["send_message", "send_email", "message", "notify"],
     [["to", "text"], ["to", "body"], ["recipient", "message"], ["name", "text"]], ["city", "phrase"],
     ['Send "{1}" to {0}.', "Tell {0}: {1}", 'Write "{1}" to {0}.', "Send {0} the message {1}."]),
    (["set_timer", "timer", "start_timer", "wait"],
     [["minutes"], ["duration"], ["seconds"]], ["integer"],
     ["Set a timer for {0} minutes.", "Start a timer for {0} seconds.", "Wait {0} minutes.", "Timer: {0}"]),
    (["add", "add_numbers", "multiply", "calculate", "power"],
     [["a", "b"], ["x", "y"], ["first", "second"]], ["integer", "integer"],
     ["Use the tool for {0} and {1}.", "Calculate {0} and {1} with the tool.", "Compute it for {0} and {1}."]),
]  # fmt: skip
VERBS = "get set list read write open close find make delete update create run check start stop show play".split()
NOUNS = "user file light door song page note order ticket price room event task value item status report image".split()


def draw_value(rng: random.Random, kind: str) -> Value:
    if kind == "integer":
        return rng.randint(0, 999) if rng.random() < 0.3 else rng.randint(0, 99)
    return a_city(rng) if kind == "city" else a_phrase(rng)


def draw_tool(rng: random.Random) -> tuple[str, dict[str, str], dict[str, Value], str]:
    """Name, parameter types, argument values and the user's words."""
    if rng.random() < 0.65:
        names, keys, kinds, asks = rng.choice(FAMILIES)
        values = [draw_value(rng, kind) for kind in kinds]
        chosen, name, user = rng.choice(keys), rng.choice(names), rng.choice(asks).format(*values)
    else:
        chosen = rng.sample([*NOUNS, "id", "name", "query", "path"], rng.choice([0, 1, 1, 2]))
        kinds = [rng.choice(["integer", "city", "phrase"]) for _ in chosen]
        values = [draw_value(rng, kind) for kind in kinds]
        name = f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}"
        pairs = " and ".join(f"{key} {value}" for key, value in zip(chosen, values, strict=True))
        user = rng.choice(["Call {n}", "Use {n}", "Use the tool {n}", "Run {n}", "Please call {n}"]).format(n=name)
        user += f" with {pairs}." if pairs else "."
    types = {key: "integer" if kind == "integer" else "string" for key, kind in zip(chosen, kinds, strict=True)}
    return name, types, dict(zip(chosen, values, strict=True)), user


def family_of(name: str) -> list[str]:
    """The names of tools that do the same, of which never two are on offer."""
    return next((names for names, *_ in FAMILIES if name in names), [name])


def draw_use(rng: random.Random) -> ToolUse:
    """One call."""
    name, types, arguments, user = draw_tool(rng)
    offered = [schema(rng, name, types)]
    for _ in range(rng.choice([0, 0, 1, 2])):
        other, other_types, _, _ = draw_tool(rng)
        if other not in family_of(name):
            offered.insert(rng.randint(0, len(offered)), schema(rng, other, other_types))
    return ToolUse(offered, user, [Call(name, arguments)])


def one_ask_for_two(rng: random.Random) -> ToolUse:
    """The same tool twice: `What is the weather in Oslo and in Rome?`"""
    names, keys, kinds, asks = rng.choice([family for family in FAMILIES if len(family[2]) == 1])
    first = second = draw_value(rng, kinds[0])
    while second == first:
        second = draw_value(rng, kinds[0])
    (key,), name, ask = rng.choice(keys), rng.choice(names), rng.choice(asks)
    word = ask[: ask.index("{0}")].split()[-1]
    again = f"{word} " if word in ("in", "for") and rng.random() < 0.5 else ""
    user = ask.replace("{0}", f"{first} and {again}{second}")
    types = {key: "integer" if kinds == ["integer"] else "string"}
    return ToolUse([schema(rng, name, types)], user, [Call(name, {key: first}), Call(name, {key: second})])


def two_asks(rng: random.Random) -> ToolUse:
    """Two tools, one after the other: `What is the weather in Oslo, and what time is it in Rome?`"""
    first = second = draw_tool(rng)
    while second[0] in family_of(first[0]):
        second = draw_tool(rng)
    one, two = first[3], second[3]
    bare, low = one.rstrip(".?"), two[0].lower() + two[1:]
    user = rng.choice(
        [f"{bare}. {two}", f"{one} {two}", f"{bare} and {low}", f"{bare}, and {low}", f"{bare}. Then {low}",
         f"{one} And {low}"]
    )  # fmt: skip
    offered = [schema(rng, name, types) for name, types, _, _ in (first, second)]
    return ToolUse(offered, user, [Call(name, arguments) for name, _, arguments, _ in (first, second)])


def draw_two(rng: random.Random) -> ToolUse:
    """Two calls at once."""
    use = (one_ask_for_two if rng.random() < 0.5 else two_asks)(rng)
    if rng.random() < 0.4:
        other, types, _, _ = draw_tool(rng)
        if not any(other in family_of(call.name) for call in use.calls):
            use.offered.append(schema(rng, other, types))
    rng.shuffle(use.offered)
    return use
