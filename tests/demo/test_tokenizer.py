"""The tokenizer that ships: nothing is lost, numbers and known words are one token, other words one a letter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.demo.tokenizer import MARKS, SPECIAL, build, load
from sluice.demo.train import FOLDER
from sluice.demo.words import BY_HEART, GLYPHS

TOKENIZER = load(FOLDER)

CLUSTERS = ["👩‍👩‍👧", "🇪🇺", "e\u0301", "\u200b", "\ufeff", "\r\n", "<think>"]
ANY_TEXT = st.text() | st.lists(st.sampled_from([*"ab 1\n.'", *GLYPHS, *CLUSTERS])).map("".join)


def pieces(text: str) -> list[str]:
    return TOKENIZER.encode(text).tokens


def test_it_is_the_one_that_the_training_builds() -> None:
    """The weights fit no other: a new skill is none of those that its words are counted in."""
    assert build().to_str() == TOKENIZER.to_str()


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_comes_back_whole(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids, skip_special_tokens=False) == text


def test_every_number_up_to_999_is_one_token() -> None:
    assert [n for n in range(1000) if pieces(str(n)) != [str(n)]] == []
    assert pieces("7 42") == ["7", "Ġ", "42"]


def test_a_longer_number_is_cut_from_the_left_by_threes() -> None:
    assert pieces("12345") == ["123", "45"]


def test_words_known_by_heart_are_one_token_in_any_place() -> None:
    for word in BY_HEART:
        for text in (word, f" {word}", word.capitalize(), f" {word.capitalize()}"):
            assert len(pieces(text)) == 1, text


def test_words_that_it_does_not_know_are_one_token_a_letter() -> None:
    assert pieces("qzvxkoap") == list("qzvxkoap")
    assert pieces(" Blumtrex") == ["Ġ", *"Blumtrex"]


@pytest.mark.parametrize("mark", [*SPECIAL, *MARKS])
def test_marks_are_one_token(mark: str) -> None:
    assert pieces(f"a{mark}\n") == ["a", mark, "Ċ"]


def test_only_the_ends_of_turns_are_special_so_thoughts_and_calls_are_seen() -> None:
    ids = TOKENIZER.encode("".join([*SPECIAL, *MARKS])).ids
    assert TOKENIZER.decode(ids) == "".join(MARKS)
