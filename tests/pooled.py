"""Tiny models with random weights that pool: one that embeds, and one that scores pairs."""

import string
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
