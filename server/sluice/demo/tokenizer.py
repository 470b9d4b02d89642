"""The demo model's tokenizer: words and signs that it knows, numbers up to 999, and bytes for everything else."""

import random
import re
from collections import Counter
from itertools import islice
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from sluice.demo.mix import FIRST, training
from sluice.demo.words import BY_HEART, GLYPHS, SPELLED

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
PATTERN = r"[0-9]{1,3}| ?[A-Za-z]+| ?[!-/:-@\[-`{-~]+|\s+|."


def byte_letters() -> list[str]:
    """The 256 printable letters that stand for bytes (GPT-2's table), in the order of the bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def frequent(template_words: int) -> list[str]:
    """The commonest pieces of the training text that are not there to be spelled, with Ġ for a leading space."""
    counts: Counter[str] = Counter()
    for chat in islice(training(random.Random(0), FIRST), 30_000):
        texts = [str(message.get("content", "")) for message in chat.messages] + [chat.answer]
        if chat.tools:
            names = re.findall(r"'name': '(\w+)'", str(chat.tools))
            texts += [*names, '{"name": "a", "arguments": {"b": "string"}}']
        counts.update(piece for text in texts for piece in re.findall(r" ?[A-Za-z]+| ?[^\s\w]+|\n+", text))
    skip = {*SPELLED, *(word.capitalize() for word in SPELLED), *(word[::-1] for word in [*SPELLED, *BY_HEART])}
    skip -= {*BY_HEART}
    pieces = [p for p, _ in counts.most_common() if len(p) > 1 and not (p.strip().isalpha() and len(p.strip()) < 3)]
    pieces = [p for p in pieces if p.isascii() and p.strip() not in skip]
    return [p.replace(" ", "Ġ").replace("\n", "Ċ") for p in pieces[:template_words]]


def build() -> Tokenizer:
    """No merges at all: a piece is one token if the vocabulary has it whole, else one token a byte."""
    whole = [str(n) for n in range(10, 1000)]
    for word in BY_HEART:
        whole += [word, "Ġ" + word, word.capitalize(), "Ġ" + word.capitalize()]
    letters = byte_letters()
    whole += ["".join(letters[byte] for byte in sign.encode()) for sign in GLYPHS]
    whole += frequent(700)
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys([*SPECIAL, *MARKS, *letters, *whole]))}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(PATTERN), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_tokens(MARKS)
    return tokenizer


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))
