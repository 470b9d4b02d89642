"""What a request may tell a chat template by itself."""

from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

RESERVED = frozenset(
    {
        "messages", "conversation", "chat_template", "add_generation_prompt", "continue_final_message", "tokenize",
        "padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
        "tokenizer_kwargs",
    }
)  # fmt: skip
"""Arguments of transformers' `apply_chat_template` that are the server's to choose; the rest are the template's."""


def not_reserved(kwargs: dict[str, Any]) -> dict[str, Any]:
    for key in kwargs:
        if key in RESERVED:
            raise PydanticCustomError("reserved", "{key} cannot be set by a request", {"key": key})
    return kwargs


TemplateArguments = Annotated[dict[str, Any], AfterValidator(not_reserved)]
