"""The generated conversations: nothing held out is trained on, and every answer is right by another way to get it."""

import json
import random
import re
from collections import defaultdict
from itertools import islice, pairwise
from typing import Any

import pytest

from sluice.demo.chats import MEASURED, Chat, draw, measuring, training
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
    return list(islice(training(random.Random(5)), 3000))


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
        if chat.skill not in ("name", "tool"):  # those depend on what was said, and on what is offered
            answers[asked_in(chat), chat.thinking].add(chat.answer)
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


def test_calls_fit_the_tool_and_hold_what_was_asked() -> None:
    rng = random.Random(2)
    kinds = set[str]()
    for chat in (draw(rng, "tool") for _ in range(500)):
        tools: Any = chat.tools
        if chat.messages[-1]["role"] == "tool":
            kinds.add("told")
            assert chat.answer == f"The tool says: {chat.messages[-1]['content']}"
        elif not (found := re.fullmatch(r"<tool_call>(.+)</tool_call>", chat.answer)):
            kinds.add("plain")
            assert is_right(list(CHECKS), asked_in(chat), chat.answer)
        else:
            kinds.add("called")
            call = json.loads(found[1])
            offered: Any = {tool["function"]["name"]: tool["function"] for tool in tools}
            parameters = offered[call["name"]]["parameters"]["properties"]
            kind = {int: "integer", str: "string"}
            assert {key: {"type": kind[type(value)]} for key, value in call["arguments"].items()} == parameters
            assert all(str(value) in asked_in(chat) for value in call["arguments"].values())
    assert kinds == {"told", "plain", "called"}
