"""Embeddings, scores and rerankings: from a body to what is pooled, with every field of vLLM's."""

import json
from typing import Any

import pytest
from vllm.entrypoints.pooling.embed import protocol as embed
from vllm.entrypoints.pooling.scoring import protocol as scoring
from vllm.entrypoints.serve.tokenize import protocol as tokenize

from sluice.engine.base import GenerationRequest, Pair, Pooling, Sampling, Tokenizing
from sluice.errors import InvalidRequest
from sluice.openai.embeddings.translation import EmbeddingCall
from sluice.openai.scoring.translation import RerankCall, ScoreCall
from sluice.openai.tokenizing import DetokenizeRequest, TokenizeRequest

EMBED = {"model": "demo", "input": ["a", "b"]}
SCORE = {"model": "demo", "text_1": "a", "text_2": ["b", "c"]}
RERANK = {"model": "demo", "query": "a", "documents": ["b", "c"]}
TEXT = {"prompt": "a"}
CHAT = {"messages": [{"role": "user", "content": "a"}]}
TOKENS = {"tokens": [1, 2]}
KINDS: list[tuple[Any, dict[str, Any], list[Any]]] = [
    (EmbeddingCall, EMBED, [embed.EmbeddingCompletionRequest, embed.EmbeddingChatRequest]),
    (ScoreCall, SCORE, [scoring.ScoreTextRequest]),
    (RerankCall, RERANK, [scoring.RerankRequest]),
    (TokenizeRequest, TEXT, [tokenize.TokenizeCompletionRequest]),
    (TokenizeRequest, CHAT, [tokenize.TokenizeChatRequest]),
    (DetokenizeRequest, TOKENS, [tokenize.DetokenizeRequest]),
]
VLLMS_FIELDS = [
    (ours, body, name, field)
    for ours, body, kinds in KINDS
    for kind in kinds
    for name, field in kind.model_fields.items()
    if name not in body and name not in {"model", "messages"}
]
MADE_ANEW = {"request_id"}


def parse(kind: Any, body: dict[str, Any]) -> Any:
    return kind.parse(json.dumps(body).encode())


@pytest.mark.parametrize(("ours", "body", "name", "field"), VLLMS_FIELDS, ids=lambda value: str(value)[:30])
def test_every_field_of_vllm_is_known_and_neutral_as_it_is_by_default(
    ours: Any, body: dict[str, Any], name: str, field: Any
) -> None:
    assert name in ours.model_fields
    default = None if name in MADE_ANEW else field.get_default(call_default_factory=True)
    neutral, plain = parse(ours, body | {name: default}), parse(ours, body)
    assert neutral.ignored == ()
    if hasattr(plain, "to_generation"):
        assert neutral.to_generation("id").pooling == plain.to_generation("id").pooling
    assert getattr(neutral, "prompted", None) == getattr(plain, "prompted", None)


def test_what_is_asked_for_arrives() -> None:
    asked = {"use_activation": False, "cache_salt": "salt", "request_id": "mine"}
    cut = {"add_special_tokens": False, "truncate_prompt_tokens": 5, "truncation_side": "left"}
    assert parse(EmbeddingCall, EMBED | asked | cut | {"dimensions": 2.0}).to_generation("id") == GenerationRequest(
        "id", ("a", "b"), Sampling(), names={"prompt": "input", "max_tokens": "input"}, name="mine",
        tokenizing=Tokenizing(False, 5, "left"), pooling=Pooling("embed", 2, False, "salt"),
    )  # fmt: skip
    for kind, body, sides in ((ScoreCall, SCORE, ("text_1", "text_2")), (RerankCall, RERANK, ("query", "documents"))):
        assert parse(kind, body | asked).to_generation("id") == GenerationRequest(
            "id", (Pair("a", "b"), Pair("a", "c")), Sampling(), name="mine",
            names=dict(zip(("queries", "documents", "max_tokens"), (*sides, sides[1]), strict=True)),
            pooling=Pooling("classify", None, False, "salt"),
        )  # fmt: skip


NOT_SERVED: list[tuple[Any, dict[str, Any], str, Any]] = [
    (EmbeddingCall, EMBED, "messages", CHAT["messages"]),
    (EmbeddingCall, EMBED, "embed_dtype", "float16"),
    (EmbeddingCall, EMBED, "endianness", "big"),
    (RerankCall, RERANK, "max_tokens_per_doc", 5),
    (ScoreCall, SCORE, "max_tokens_per_query", 5),
    (ScoreCall, SCORE, "truncate_prompt_tokens", 5),
    (ScoreCall, SCORE, "instruction", "a"),
    (ScoreCall, SCORE, "chat_template_kwargs", {"a": 1}),
    *((kind, body, "padding", "max_length") for kind, body, _ in KINDS[:3]),
    *((kind, body, "priority", 1) for kind, body, _ in KINDS[:3]),
    (TokenizeRequest, CHAT, "chat_template", "{{ 1 }}"),
]


@pytest.mark.parametrize(("kind", "body", "name", "value"), NOT_SERVED, ids=lambda value: str(value)[:30])
def test_what_is_not_served_is_refused_by_its_name(kind: Any, body: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"^{name} is not served") as refused:
        parse(kind, body | {name: value})
    assert refused.value.param == name
