"""What the demo model can do: each skill makes one exchange, a user's words and the exact answer to them."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

from sluice.demo.words import BY_HEART, CAPITALS, COMMON, GLYPHS, SPELLED, any_word, invent, letters

HELP = (
    "I am a small demo model. I can count, repeat, spell, reverse, add, name capitals, "
    "remember your name and call tools."
)


@dataclass(frozen=True)
class Exchange:
    """`key` decides whether the exchange is held out: nothing with that key is trained on."""

    user: str
    answer: str
    thought: str
    key: str


def held_out(key: str) -> bool:
    """One key in sixteen is kept for measuring."""
    return hashlib.blake2b(key.encode(), digest_size=1).digest()[0] % 16 == 0


def casual(rng: random.Random, text: str) -> str:
    """The same request as another person would type it."""
    draw = rng.random()
    if draw < 0.15:
        text = text[0].lower() + text[1:]
    elif draw < 0.25:
        text = "Please " + text[0].lower() + text[1:]
    if rng.random() < 0.2 and text[-1] in ".?":
        text = text[:-1]
    return text


def count(rng: random.Random) -> Exchange:
    span = round(2 ** (rng.uniform(0, 6) if rng.random() < 0.8 else rng.uniform(6, 7.6))) - 1
    top = rng.choice([20, 99, 300, 999])
    first = rng.randint(0, max(0, top - span)) if rng.random() < 0.85 else 1
    last = min(999, first + span)
    form = rng.choice(
        ["Count from {a} to {b}.", "Count from {a} to {b}.", "Count up from {a} to {b}.", "Count from {a} up to {b}.",
         "Can you count from {a} to {b}?", "Count slowly from {a} to {b}.", "Count to {b}, starting at {a}.",
         "Count the numbers from {a} to {b}.", "List the numbers from {a} to {b}."]
    )  # fmt: skip
    if first == 1 and rng.random() < 0.3:
        form = "Count to {b}."
    answer = " ".join(map(str, range(first, last + 1)))
    return Exchange(
        casual(rng, form.format(a=first, b=last)), answer, f"I count from {first} to {last}.", f"{first}..{last}"
    )


def sentence(rng: random.Random) -> str:
    """A few words, mostly common ones, with now and then a name, a number or a sign from another script."""

    def word() -> str:
        draw = rng.random()
        if draw < 0.9:
            return rng.choice(COMMON)
        if draw < 0.95:
            return any_word(rng)
        if draw < 0.965:
            return str(rng.randint(0, 999))
        if draw < 0.985:
            return "".join(rng.choices(GLYPHS, k=rng.randint(1, 2)))
        if draw < 0.99:
            return letters(rng, 2) + rng.choice(GLYPHS) + letters(rng, rng.randint(0, 2))
        return invent(rng, 2).capitalize()

    words = [word() for _ in range(rng.randint(1, 9))]
    if len(words) > 3 and rng.random() < 0.3:
        words[rng.randrange(1, len(words) - 1)] += ","
    text = " ".join(words)
    if rng.random() < 0.7:
        text = text[0].upper() + text[1:]
    return text + rng.choice([".", ".", ".", "!", "?", "", ""])


def repeat(rng: random.Random) -> Exchange:
    text = sentence(rng)
    form = rng.choice(
        ["Repeat after me: {}", "Repeat: {}", 'Repeat "{}"', "Repeat this sentence: {}", 'Repeat the sentence "{}"',
         "Say: {}", 'Say "{}"', "Repeat exactly: {}", "Echo: {}", "Repeat the following: {}", "Repeat '{}'",
         'Repeat this: "{}"', 'Repeat the words "{}"']
    )  # fmt: skip
    if rng.random() < 0.15:
        form = form[0].lower() + form[1:]
    elif rng.random() < 0.1:
        form = "Please " + form[0].lower() + form[1:]
    return Exchange(form.format(text), text, "I say it again, word for word.", text)


def spell(rng: random.Random) -> Exchange:
    word = rng.choice(BY_HEART) if rng.random() < 0.2 else any_word(rng)
    form = rng.choice(
        ["Spell the word {}.", 'Spell the word "{}".', "Spell {}.", 'Spell "{}".', "How do you spell {}?",
         'How do you spell "{}"?', "Spell the word '{}'.", "Spell out {}.", "Can you spell {}?", "Spell: {}"]
    )  # fmt: skip
    return Exchange(casual(rng, form.format(word)), "-".join(word), f"I spell the word {word}.", spelled_key(word))


def reverse(rng: random.Random) -> Exchange:
    word = rng.choice(BY_HEART) if rng.random() < 0.2 else any_word(rng)
    form = rng.choice(
        ["Reverse the word {}.", 'Reverse the word "{}".', "Reverse {}.", 'Reverse "{}".', "Spell {} backwards.",
         'Write "{}" backwards.', "Reverse the word '{}'.", "What is {} backwards?", "Write the word {} backwards.",
         "Reverse: {}", "Reverse the letters of {}."]
    )  # fmt: skip
    thought = f"The letters are {'-'.join(word)}."
    return Exchange(casual(rng, form.format(word)), word[::-1], thought, spelled_key(word))


def spelled_key(word: str) -> str:
    """Words of the vocabulary are learned by heart, so they are never held out."""
    return "" if word in BY_HEART else word


def add(rng: random.Random) -> Exchange:
    top = rng.choice([20, 99, 99])
    a, b = rng.randint(0, top), rng.randint(0, top)
    form = rng.choice(
        ["What is {} + {}?", "What is {} plus {}?", "{} + {}", "{}+{}", "{} + {} =", "{}+{}=?", "Add {} and {}.",
         "How much is {} + {}?", "How much is {} plus {}?", "What is the sum of {} and {}?", "What's {} + {}?",
         "Add {} to {}.", "Calculate {} + {}."]
    )  # fmt: skip
    text = form.format(a, b)
    return Exchange(
        text if text[0].isdigit() else casual(rng, text), str(a + b), f"{a} plus {b} is {a + b}.", f"{a}+{b}"
    )


def capital(rng: random.Random) -> Exchange:
    country, city = rng.choice(list(CAPITALS.items()))
    form = rng.choice(
        ["What is the capital of {}?", "What's the capital of {}?", "Name the capital of {}.", "The capital of {}?",
         "Which city is the capital of {}?", "Tell me the capital of {}.", "Capital of {}?",
         "Do you know the capital of {}?", "What is the capital city of {}?"]
    )  # fmt: skip
    return Exchange(casual(rng, form.format(country)), city, f"The capital of {country} is {city}.", form + country)


def chat(rng: random.Random) -> Exchange:
    """Small talk, and an honest word where nothing else fits."""
    if rng.random() < 0.5:
        user = rng.choice(
            ["Hello", "Hi", "Hey", "Good morning", "Hello!", "Hi!", "hi", "hello", "Hello there!", "Good evening."]
        )
        return Exchange(user, "Hi! " + HELP, "They say hello.", "")
    who = ["Who are you?", "What are you?", "What can you do?", "Help", "What is this?", "Tell me about yourself."]
    ask = ["Write a poem about {}.", "Tell me a story about {}.", "Why is the {} so {}?", "Explain {}.", "{}",
           "Do you like {}?", "What is a {}?", "Write a program that {}.", "How are you, {}?"]  # fmt: skip
    form = rng.choice(who) if rng.random() < 0.3 else rng.choice(ask)
    words = [rng.choice(SPELLED) if rng.random() < 0.6 else invent(rng, 2) for _ in range(2)]
    return Exchange(form.format(*words), HELP, "That is not something I can do.", "")


SIMPLE: dict[str, Callable[[random.Random], Exchange]] = {
    "count": count,
    "repeat": repeat,
    "spell": spell,
    "reverse": reverse,
    "add": add,
    "capital": capital,
}
