"""fastokens makes the tokens that transformers makes, or is not used."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram, WordLevel
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import sluice.demo
from sluice.engine.vllm.tokenizer import fast, renamed

DEMO = Path(sluice.demo.__file__).parent
PIECES = (
    "<|im_start|>",
    "<|im_end|>",
    "<|im",
    " ",
    "  ",
    "\n\n",
    "\t",
    "don't",
    "12345",
    "é",
    "e\u0301",
    "漢字",
    "🎉",
    "ﬁ",
)


@pytest.fixture(scope="module")
def demo() -> Any:
    return AutoTokenizer.from_pretrained(DEMO)


@pytest.fixture(scope="module")
def found(demo: Any) -> Any:
    found = fast(demo)
    assert found is not None
    return found


@given(st.lists(st.text() | st.sampled_from(PIECES)).map("".join), st.booleans())
def test_same_tokens_of_any_text(demo: Any, found: Any, text: str, add: bool) -> None:
    assert found.encode(text, add).ids == demo(text, add_special_tokens=add)["input_ids"]


def test_limits_on_length_are_not_taken_over(demo: Any) -> None:
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.backend_tokenizer.enable_padding(length=100)
    found = fast(tokenizer)
    assert found is not None
    text = "one two three four"
    assert found.encode(text, False).ids == demo(text, add_special_tokens=False)["input_ids"]


def test_a_kind_that_it_does_not_know() -> None:
    words = Tokenizer(WordLevel({"a": 0, "?": 1}, unk_token="?"))
    assert fast(PreTrainedTokenizerFast(tokenizer_object=words)) is None


def test_other_tokens_of_the_same_text() -> None:
    """A setting of transformers, of which the tokenizer's JSON knows nothing."""
    assert fast(AutoTokenizer.from_pretrained(DEMO, split_special_tokens=True)) is None


def test_a_tokenizer_that_is_not_of_transformers() -> None:
    assert fast(object()) is None


def test_other_names_for_tokens_that_are_words_of_the_vocabulary() -> None:
    """Of a Unigram's, which would make one of them of plain text."""
    words = Tokenizer(Unigram([("?", 0.0), ("</s>", 0.0), *((letter, -5.0) for letter in "</s>ab")], unk_id=0))
    words.add_special_tokens(["</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?")
    encode = renamed(tokenizer, {"</s>": "7007007"}, is_fast=False)
    assert words.encode("a</s>b").tokens == ["a", "</s>", "b"]
    assert encode("a7007007b") == words.encode("a</s>b").ids
    assert encode("a</s>b") == [words.token_to_id(letter) for letter in "a</s>b"]


def test_plain_text_that_is_a_special_token_by_itself() -> None:
    """Nobody can tell which one is meant."""
    words = Tokenizer(WordLevel({"a": 0, "?": 1}, unk_token="?"))
    words.add_special_tokens(["?"])
    with pytest.raises(ValueError, match="plain text"):
        renamed(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?"), {"?": "7007007"}, is_fast=False)
