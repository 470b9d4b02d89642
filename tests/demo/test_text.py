"""The generated conversations: nothing held out is trained on, and every answer is right by another way to get it."""

import json
import random
import re
from collections import defaultdict
from itertools import islice, pairwise
from typing import Any

import pytest

from sluice.demo.chats import Chat
from sluice.demo.mix import MEASURED, MIX, draw, measuring, training
from sluice.demo.skills import held_out
from sluice.demo.words import CAPITALS


def check_count(asked: str, answer: str) -> None:
    first, *rest = map(int, re.findall(r"\d+", asked))
    wanted = {first, *rest} if rest else {1, first}
    numbers = [int(number) for number in answer.split(" ")]
    assert {numbers[0], numbers[-1]} == wanted
    assert all(after - before == 1 for before, after in pairwise(numbers))


def check_repeat(asked: str, answer: str) -> None:
    before, _, after = asked.partition(answer)
    assert re.fullmatch(r"""(please )?(repeat|say|echo)[a-z ]*(: |:? "| ')""", before.lower())
    assert after == {'"': '"', "'": "'", " ": ""}[before[-1]]


def check_spell(asked: str, answer: str) -> None:
    assert answer.replace("-", "") in re.findall(r"\w+", asked)
    assert all(len(letter) == 1 for letter in answer.split("-"))


def check_reverse(asked: str, answer: str) -> None:
    assert "".join(reversed(answer)) in re.findall(r"\w+", asked)


def check_add(asked: str, answer: str) -> None:
    assert sum(map(int, re.findall(r"\d+", asked))) == int(answer)


def check_capital(asked: str, answer: str) -> None:
    assert [city for country, city in CAPITALS.items() if country in asked] == [answer]


CHECKS = {
    "count": check_count, "repeat": check_repeat, "spell": check_spell, "reverse": check_reverse, "add": check_add,
    "capital": check_capital,
}  # fmt: skip


def asked_in(chat: Chat) -> str:
    return str(chat.messages[-1]["content"])


def is_right(skills: list[str], asked: str, answer: str) -> bool:
    """Whether one of the skills' checks takes the answer."""
    for skill in skills:
        try:
            CHECKS[skill](asked, answer)
        except (AssertionError, ValueError, KeyError, IndexError):
            continue
        return True
    return False


@pytest.fixture(scope="module")
def trained() -> list[Chat]:
    return list(islice(training(random.Random(5), MIX), 3000))


def test_no_training_chat_holds_a_key_that_is_held_out(trained: list[Chat]) -> None:
    assert [key for chat in trained for key in chat.keys if key and held_out(key)] == []


def test_no_measured_prompt_is_a_trained_one(trained: list[Chat]) -> None:
    asked = {(chat.skill, str(chat.messages), str(chat.tools)) for chat in trained}
    for skill in MEASURED:
        prompts = {(chat.skill, str(chat.messages), str(chat.tools)) for chat in measuring(random.Random(1), skill, 40)}
        assert len(prompts) == 40
        assert prompts & asked == set()


def test_one_key_in_sixteen_is_held_out() -> None:
    assert 0.055 < sum(held_out(f"{n}") for n in range(20_000)) / 20_000 < 0.07


def test_no_question_has_two_answers(trained: list[Chat]) -> None:
    answers = defaultdict(set)
    for chat in trained:
        told = asked_in(chat) if chat.skill in (*CHECKS, "think") else str((chat.messages, chat.tools))
        answers[told, chat.thinking].add(chat.answer)
    assert {asked: found for asked, found in answers.items() if len(found) > 1} == {}


@pytest.mark.parametrize("skill", CHECKS)
def test_answers_are_right(skill: str) -> None:
    rng = random.Random(2)
    for chat in (draw(rng, skill) for _ in range(500)):
        CHECKS[skill](asked_in(chat), chat.answer)


def test_names_are_the_ones_that_were_told() -> None:
    rng = random.Random(2)
    for chat in (draw(rng, "name") for _ in range(500)):
        match = re.fullmatch(r"Your name is (\w+)\.", chat.answer)
        assert match
        told = next(message for message in chat.messages if message["role"] == "user")
        assert match[1] in str(told["content"])


def test_thoughts_end_in_the_answer_that_comes_without_them() -> None:
    rng = random.Random(2)
    for chat in (draw(rng, "think") for _ in range(500)):
        match = re.fullmatch(r"<think>\n(.+)\n</think>\n\n(.+)", chat.answer)
        assert match
        assert chat.thinking
        assert is_right(list(CHECKS), asked_in(chat), match[2])


def check_call(chat: Chat, text: str) -> None:
    """It fits one of the tools on offer, and holds what was asked."""
    call = json.loads(text)
    tools: Any = chat.tools
    offered: Any = {tool["function"]["name"]: tool["function"] for tool in tools}
    parameters = offered[call["name"]]["parameters"]["properties"]
    kind = {int: "integer", str: "string"}
    assert {key: {"type": kind[type(value)]} for key, value in call["arguments"].items()} == parameters
    assert all(str(value) in asked_in(chat) for value in call["arguments"].values())


def kind_of(chat: Chat, answer: str) -> str:
    """Whether tools' results were told, nothing was called, or what was called fits."""
    results = [message["content"] for message in chat.messages if message["role"] == "tool"]
    if results:
        assert answer == "\n".join(f"The tool says: {result}" for result in results)
        return f"told {len(results)}"
    found = re.fullmatch(r"<tool_call>(.+?)</tool_call>(?:<tool_call>(.+)</tool_call>)?", answer)
    if not found:
        assert is_right(list(CHECKS), asked_in(chat), answer)
        return "plain"
    texts = [text for text in found.groups() if text]
    for text in texts:
        check_call(chat, text)
    return f"called {len(texts)}"


@pytest.mark.parametrize(
    ("skill", "kinds"), [("tool", {"told 1", "plain", "called 1"}), ("calls", {"told 2", "called 2"})]
)
def test_calls_fit_the_tools_and_hold_what_was_asked(skill: str, kinds: set[str]) -> None:
    rng = random.Random(2)
    assert {kind_of(chat, chat.answer) for chat in (draw(rng, skill) for _ in range(500))} == kinds


def test_thoughts_name_the_tools_that_are_called() -> None:
    rng = random.Random(2)
    kinds = set[str]()
    for chat in (draw(rng, "plan") for _ in range(500)):
        thought, answer = chat.answer.removeprefix("<think>\n").split("\n</think>\n\n")
        kinds.add(kind_of(chat, answer))
        assert chat.thinking
        assert chat.tools
        assert all(name in thought for name in re.findall(r'_call>{"name": "(\w+)"', answer))
    assert kinds == {"told 1", "told 2", "plain", "called 1", "called 2"}


def flat(value: Any) -> list[str]:
    """The values in it, as the one who asks writes them."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for item in inner for text in flat(item)]
    return [str(value)]


def plain(found: dict[str, Any]) -> str:
    """The only value, as it is answered without JSON."""
    (value,) = found.values()
    if not isinstance(value, list):
        return str(value)
    return ("-" if isinstance(value[0], str) else " ").join(map(str, value))


def test_json_is_on_one_line_and_holds_what_was_asked() -> None:
    rng = random.Random(2)
    for chat in (draw(rng, "json") for _ in range(500)):
        found = json.loads(chat.answer)
        assert json.dumps(found, ensure_ascii=False) == chat.answer
        told = " ".join(str(message["content"]) for message in chat.messages)
        assert "JSON" in told
        if not all(text in told for text in flat(found)):
            assert is_right(list(CHECKS), asked_in(chat), plain(found))
