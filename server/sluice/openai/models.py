"""GET /v1/models."""

from collections.abc import Sequence
from typing import Literal

from sluice.wire.answer import Answer


class ModelCard(Answer):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    root: str
    parent: str | None
    max_model_len: int


class ModelList(Answer):
    object: Literal["list"]
    data: list[ModelCard]


def model_list(names: Sequence[str], root: str, created: int, max_model_len: int) -> ModelList:
    """One model under all its names. `created` in seconds since 1970.

    `root`: its folder or its Hugging Face id, from which clients like `vllm bench serve` load the tokenizer.
    """
    cards = [
        ModelCard(
            id=name,
            object="model",
            created=created,
            owned_by="sluice",
            root=root,
            parent=None,
            max_model_len=max_model_len,
        )
        for name in names
    ]
    return ModelList(object="list", data=cards)
