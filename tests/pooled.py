"""Tiny models with random weights that pool, one that embeds, and one that scores pairs; and vLLM with them."""

import string
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, processors
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
)

from sluice.engine.base import Pooling, Rendered
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings
from tests.conftest import Started

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (*SPECIAL, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase), "cat", "dog", "sun")
CONTEXT = 128


def write(folder: Path, *, scores: bool) -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=CONTEXT, num_labels=1, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    model: Any = BertForSequenceClassification(config) if scores else BertModel(config)
    model.save_pretrained(folder)
    words = Tokenizer(WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))],
    )  # fmt: skip
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(
        tokenizer_object=words, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=CONTEXT, **named,
    ).save_pretrained(folder)  # fmt: skip


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Started]:
    settings = {
        "model": str(folder),
        "engine": {"device": "cpu", "dtype": "float32", "extra": {"enforce_eager": True}},
        "traffic": {"concurrency": 8},
    }  # fmt: skip
    engine = VLLMEngine(Settings.model_validate(settings), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's imports warn of their own
        model = await engine.start(lambda loading: None)
    first = Gathered()  # with it vLLM starts the task that reads its outputs
    engine.pool("first", Rendered([2, 3]), Pooling("embed" if "embed" in model.tasks else "classify"), first)
    assert [delta.tokens for delta in await first.all()] == [0]
    try:
        yield Started(engine, model)
    finally:
        await engine.stop()
