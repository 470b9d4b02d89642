"""How long a text may be that still fits the context, before any of it is tokenized."""

import json
from collections.abc import Iterator
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

COMPOSED = 4
"""Characters of which Unicode makes one at most."""
SAME_LENGTH = frozenset({"Sequence", "Prepend", "Replace", "NFC", "NFKC", "NFD", "NFKD"})
"""Normalizers that shorten no text, but for what is composed."""
WHOLE = frozenset({"Sequence", "ByteLevel", "Split", "Digits", "Metaspace", "Punctuation"})
"""Pre-tokenizers that leave nothing out."""


def characters_a_token(tokenizer: Any) -> int | None:
    """Characters of a text that one token stands for at most; None if there is no saying.

    There is for BPE over bytes, or with bytes to fall back on: every byte of a text is in one of its tokens then. Some
    tokenizers leave out or merge spaces, or characters that they do not know, any number of them.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    data, vocabulary = json.loads(backend.to_str()), backend.get_vocab()
    normalizers, pre_tokenizers = list(parts(data["normalizer"])), list(parts(data["pre_tokenizer"]))
    kinds, steps = {part["type"] for part in normalizers}, {part["type"] for part in pre_tokenizers}
    letters = ByteLevel.alphabet() if "ByteLevel" in steps else [f"<0x{byte:02X}>" for byte in range(256)]
    is_whole = (
        data["model"]["type"] == "BPE"
        and ("ByteLevel" in steps or data["model"]["byte_fallback"])
        and vocabulary.keys() >= set(letters)
        and kinds <= SAME_LENGTH
        and steps <= WHOLE
        and not any(part.get("behavior") == "Removed" for part in pre_tokenizers)
        and all(is_no_shorter(part) for part in normalizers if part["type"] == "Replace")
        and not any(token["lstrip"] or token["rstrip"] for token in data["added_tokens"])
    )
    return max(map(len, vocabulary)) * (COMPOSED if kinds & {"NFC", "NFKC"} else 1) if is_whole else None


def parts(part: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Of a normalizer or a pre-tokenizer, itself among them."""
    if part is not None:
        yield part
        for inside in part.get("normalizers", part.get("pretokenizers", ())):
            yield from parts(inside)


def is_no_shorter(replace: dict[str, Any]) -> bool:
    """What is put in the place of something else."""
    return len(replace["pattern"].get("String", "")) in range(1, len(replace["content"]) + 1)
