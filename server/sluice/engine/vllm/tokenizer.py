"""From text to tokens with fastokens, as vLLM's Rust front end does it: many times faster than transformers."""

import json
import re
from collections.abc import Callable
from typing import Any

import tokenizers
from fastokens import Tokenizer

PROBE = "<|im_start|>A  b\tÉé ß\n漢字 🎉 don't 12345…</s> [INST]"


def fast(tokenizer: Any) -> Tokenizer | None:
    """It makes the same tokens as this one, a tokenizer of transformers; None if it does not.

    Compared with all words of the vocabulary in a row.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    try:
        found = Tokenizer.from_json_str(backend.to_str())
    except Exception:  # it does not know all kinds
        return None
    found.no_truncation()
    found.no_padding()
    words = backend.decode(list(range(backend.get_vocab_size())), skip_special_tokens=False)
    for add in (False, True):
        if found.encode(PROBE, add).ids != tokenizer(PROBE, add_special_tokens=add)["input_ids"]:
            return None
        if found.encode(words, add).ids != backend.encode(words, add_special_tokens=add).ids:
            return None
    return found


def info(tokenizer: Any) -> dict[str, Any]:
    """What a tokenizer of transformers is made of, its chat template among it, as vLLM tells it."""
    from vllm.entrypoints.serve.tokenize.serving import TokenizerInfo

    told: dict[str, Any] = TokenizerInfo(tokenizer, None).to_dict()
    return told


def renamed(tokenizer: Any, names: dict[str, str], is_fast: bool) -> Callable[[str], list[int]]:
    """Encodes as this tokenizer of transformers does, but knows some of its added tokens by other names.

    `is_fast`: with fastokens. Raises ValueError if it makes other tokens.
    """
    backend: tokenizers.Tokenizer = tokenizer.backend_tokenizer
    made = with_names(json.loads(backend.to_str()), names)
    found: Any = Tokenizer.from_json_str(made) if is_fast else tokenizers.Tokenizer.from_str(made)
    written = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    words = backend.decode(list(range(backend.get_vocab_size())), skip_special_tokens=False)
    for text in (PROBE, words):
        ids = found.encode(written.sub(lambda token: names[token[0]], text), add_special_tokens=False).ids
        if ids != backend.encode(text, add_special_tokens=False).ids:
            raise ValueError("the tokenizer depends on the names of its tokens")
    special = {backend.token_to_id(token) for token in names}
    if not special.isdisjoint(found.encode(" ".join(names), add_special_tokens=False).ids):
        raise ValueError("the tokenizer makes them of plain text")
    return lambda text: list(found.encode(text, add_special_tokens=False).ids)


def with_names(data: dict[str, Any], names: dict[str, str]) -> str:
    """A tokenizer's JSON, with other names for some of its tokens."""
    model = data["model"]
    for token in data["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in model["vocab"].items()}
    else:  # a Unigram's
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") is not None:
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    return json.dumps(data | {"post_processor": None, "truncation": None, "padding": None})
