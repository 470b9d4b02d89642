"""The measurement itself, and a smoke test of the model: the full figures are `make demo-eval`'s."""

import asyncio
import random
from pathlib import Path

import pytest
from rich.console import Console

from sluice.demo import evaluate
from sluice.demo.chats import Chat
from sluice.demo.evaluate import Score, answer, prompt_of, settings_for, show, write_card
from sluice.demo.mix import MEASURED, measuring
from tests.conftest import Started

CHAT = Chat("add", ["1+1"], [{"role": "user", "content": "1+1"}], "2")


async def test_smoke_nine_in_ten_of_a_few_held_out_answers_are_exact(vllm: Started) -> None:
    chats = [chat for skill in MEASURED for chat in measuring(random.Random(6), skill, 8)]
    answers = await asyncio.gather(*(answer(vllm, chat, f"smoke-{n}") for n, chat in enumerate(chats)))
    wrong = [(chat.skill, chat.answer, got) for chat, got in zip(chats, answers, strict=True) if got != chat.answer]
    assert len(wrong) <= len(chats) / 10, wrong


def test_it_measures_bf16_on_the_cpu_as_many_at_once_as_it_says() -> None:
    settings = settings_for("/a/folder")
    assert (settings.model_path, settings.engine.dtype, settings.engine.device) == ("/a/folder", "bfloat16", "cpu")
    assert settings.traffic.concurrency == evaluate.CONCURRENCY


def test_the_template_is_only_told_what_the_chat_asks_for() -> None:
    assert prompt_of(CHAT).template_kwargs == {}
    thinking = Chat("think", [], CHAT.messages, "", [{"type": "function"}], thinking=True)
    assert prompt_of(thinking).template_kwargs == {"enable_thinking": True}
    assert (prompt_of(CHAT).tools, prompt_of(thinking).tools) == ([], [{"type": "function"}])


def test_mistakes_are_shown_with_what_was_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    show([Score("add", 4, [(CHAT, "3")])], Console())
    shown = capsys.readouterr().out
    assert "3/4" in shown
    assert "75.0%" in shown
    assert "add: '1+1'\n  wanted '2'\n  got    '3'\n" in shown


def test_a_long_mistake_is_shown_where_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = " ".join(map(str, range(1, 400)))
    show([Score("count", 1, [(Chat("count", [], CHAT.messages, numbers), numbers[:700] + "!")])], Console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("!'")
    assert max(map(len, lines[-2:])) < 120


def test_the_card_takes_new_figures_and_keeps_the_rest(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("above\n<!-- figures -->\nold\n<!-- /figures -->\nbelow\n")
    for exact in (199, 200):
        write_card([Score("add", 200, [(CHAT, "3")] * (200 - exact))], 200, card)
    text = card.read_text()
    assert text.startswith("above\n<!-- figures -->\n| skill |")
    assert text.endswith("\n<!-- /figures -->\nbelow\n")
    assert "| add | 200/200 | 100.0% |" in text
    assert "old" not in text
    assert "199" not in text
