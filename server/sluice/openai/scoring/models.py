"""Scores of pairs, and documents in the order of theirs, as vLLM has them on the wire."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from sluice.errors import InvalidRequest
from sluice.openai.embeddings.models import EmbeddingUsage
from sluice.openai.pooling import PoolingBody
from sluice.openai.sampling import MOST_SEQUENCES
from sluice.wire.answer import Answer
from sluice.wire.body import Dropped, Whole, at_most, only
from sluice.wire.described import ONE_OR_MORE

SCORE: dict[str, JsonValue] = {"model": "demo", "text_1": "A cat.", "text_2": ["An animal.", "A plant."]}
RERANK: dict[str, JsonValue] = {"model": "demo", "query": "A cat.", "documents": ["An animal.", "A plant."]}
NAMES = (("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2"))
"""What vLLM calls the two sides of the pairs."""

Texts = Annotated[list[str], Field(min_length=1, fail_fast=True), at_most(MOST_SEQUENCES), ONE_OR_MORE]


class ScoringBody(PoolingBody):
    """`use_activation`: false leaves the score as the model makes it."""

    # It changes something only where a text is truncated.
    truncation_side: Dropped = None

    # These are not served: only what changes nothing is accepted.
    chat_template_kwargs: Annotated[Any, only({})] = None
    instruction: Annotated[Any, only()] = None
    max_tokens_per_doc: Annotated[Any, only(0)] = None
    max_tokens_per_query: Annotated[Any, only(0)] = None
    truncate_prompt_tokens: Annotated[Any, only()] = None


class ScoreRequest(ScoringBody):
    """One text or as many on the first side as on the second; which names the sides have does not matter."""

    model_config = ConfigDict(json_schema_extra={"examples": [SCORE]})

    text_1: Texts | None = None
    text_2: Texts | None = None
    queries: Texts | None = None
    documents: Texts | None = None
    items: Texts | None = None
    data_1: Texts | None = None
    data_2: Texts | None = None

    @model_validator(mode="after")
    def sides_agree(self) -> Self:
        given = {name for pair in NAMES for name in pair if getattr(self, name) is not None}
        if given not in [set(pair) for pair in NAMES]:
            raise InvalidRequest("text_1 and text_2 are required, or queries and documents.", param="text_1")
        first, second = (len(getattr(self, name)) for name in self.names)
        if first not in (1, second):
            raise InvalidRequest(f"{first} texts do not go with {second}: give one, or as many.", param=self.names[0])
        return self

    @property
    def names(self) -> tuple[str, str]:
        """Of the two sides, as they are given."""
        return next(pair for pair in NAMES if all(getattr(self, name) is not None for name in pair))


class RerankRequest(ScoringBody):
    """`top_n`: how many are told; 0, all."""

    model_config = ConfigDict(json_schema_extra={"examples": [RERANK]})

    query: str
    documents: Texts
    top_n: Annotated[int, Field(ge=0), Whole] = 0


class Score(Answer):
    index: int
    object: Literal["score"]
    score: float


class ScoreList(Answer):
    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[Score]
    usage: EmbeddingUsage


class Document(Answer):
    text: str


class Ranked(Answer):
    index: int
    document: Document
    relevance_score: float


class Reranked(Answer):
    id: str
    model: str
    usage: EmbeddingUsage
    results: list[Ranked]
