"""No text is refused as too long that might have fitted."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sluice.engine.vllm.text_limit import characters_a_token
from sluice.settings.models import DEMO
from tests.demo.test_tokenizer import ANY_TEXT

LOADED = Tokenizer.from_file(str(DEMO / "tokenizer.json"))


def held_by(tokenizer: Tokenizer) -> Any:
    return SimpleNamespace(backend_tokenizer=tokenizer)


def like_demo(**changes: Any) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(json.loads(LOADED.to_str()) | changes))


NFC = like_demo(normalizer={"type": "NFC"})


@given(
    ANY_TEXT
    | st.sampled_from(["e\u0301", "\u1f82", "\u1112\u1161\u11ab", "<|endoftext|>", "  "]).map(lambda text: 9 * text)
)
def test_as_many_tokens_as_are_counted_on(text: str) -> None:
    for tokenizer in (LOADED, NFC):
        width = characters_a_token(held_by(tokenizer))
        assert width is not None
        assert len(text) <= width * len(tokenizer.encode(text).ids)


def test_composed_characters_are_counted() -> None:
    assert (characters_a_token(held_by(LOADED)), characters_a_token(held_by(NFC))) == (16, 64)


ADDED = json.loads(LOADED.to_str())["added_tokens"]
SPACES = {"type": "Split", "pattern": {"Regex": r"\s+"}, "behavior": "Removed", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
COLLAPSE = {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}
SHRINK = {"type": "Replace", "pattern": {"String": "  "}, "content": " "}


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}},
        {"normalizer": COLLAPSE},
        {"normalizer": SHRINK},
        {"pre_tokenizer": {"type": "WhitespaceSplit"}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPACES, BYTES]}},
        {"pre_tokenizer": None},
        {"added_tokens": [ADDED[0] | {"rstrip": True}, *ADDED[1:]]},
        {"model": {"type": "WordLevel", "vocab": {"a": 0, "?": 1}, "unk_token": "?"}, "added_tokens": []},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": []},
    ],
)
def test_no_saying(changes: dict[str, Any]) -> None:
    assert characters_a_token(held_by(like_demo(**changes))) is None


def test_bytes_to_fall_back_on() -> None:
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"\u2581ab": 256}
    normalizer = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    ]}  # fmt: skip
    model = {"type": "BPE", "vocab": vocabulary, "merges": [], "byte_fallback": True}
    found = like_demo(model=model, normalizer=normalizer, pre_tokenizer=None, added_tokens=[])
    assert characters_a_token(held_by(found)) == 6
    assert len(found.encode("é" * 100).ids) >= 200
    del vocabulary["<0x00>"]
    assert characters_a_token(held_by(like_demo(model=model, pre_tokenizer=None, added_tokens=[]))) is None


def test_a_tokenizer_that_is_not_of_transformers() -> None:
    assert characters_a_token(object()) is None
