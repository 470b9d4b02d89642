"""Scores: from the request to pairs that are pooled, and from what has become of them to the answer."""

from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from itertools import cycle

from sluice.engine.base import GenerationRequest, Pair, Pooling, Sampling
from sluice.openai.embeddings.models import EmbeddingUsage
from sluice.openai.errors import encode_error
from sluice.openai.pooling import PoolingCall
from sluice.openai.scoring.models import (
    Document,
    Ranked,
    Reranked,
    RerankRequest,
    Score,
    ScoreList,
    ScoreRequest,
    ScoringBody,
)
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals


class ScoringCall(ScoringBody, PoolingCall):
    """What both requests have in common as Calls."""

    @abstractmethod
    def pairs(self) -> Iterator[Pair]: ...

    @property
    @abstractmethod
    def names(self) -> tuple[str, str]:
        """Of the two sides of the pairs, in the body."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        return GenerationRequest(
            request_id, tuple(self.pairs()), Sampling(), name=self.request_id,
            names=dict(zip(("queries", "documents", "max_tokens"), (*self.names, self.names[1]), strict=True)),
            pooling=Pooling("classify", None, self.use_activation, self.cache_salt),
        )  # fmt: skip


class ScoreCall(ScoreRequest, ScoringCall):
    def pairs(self) -> Iterator[Pair]:
        first, second = (getattr(self, name) for name in self.names)
        return (Pair(one, other) for other, one in zip(second, cycle(first), strict=False))

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        data = [Score(index, "score", score_of(sequence)) for index, sequence in enumerate(sequences)]
        usage = EmbeddingUsage(totals.prompt, totals.prompt)
        yield ScoreList(about.id, "list", about.created, about.model, data, usage).encode()


class RerankCall(RerankRequest, ScoringCall):
    @property
    def names(self) -> tuple[str, str]:
        return "query", "documents"

    def pairs(self) -> Iterator[Pair]:
        return (Pair(self.query, document) for document in self.documents)

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        results = [
            Ranked(index, Document(self.documents[index]), score_of(sequence))
            for index, sequence in enumerate(sequences)
        ]
        results.sort(key=lambda each: each.relevance_score, reverse=True)
        usage = EmbeddingUsage(totals.prompt, totals.prompt)
        yield Reranked(about.id, about.model, usage, results[: self.top_n or None]).encode()


def score_of(sequence: CollectedDeltas) -> float:
    [score] = array("f", sequence.vector)
    return score


SCORES = tuple(
    Endpoint(
        path=path,
        summary="vLLM's scores of pairs of texts, of a model that scores; each pair takes a seat.",
        id_prefix="score-",
        body=ScoreRequest,
        parse=ScoreCall.parse,
        encode_error=encode_error,
        task="score",
    )
    for path in ("/v1/score", "/score")
)
RERANKINGS = tuple(
    Endpoint(
        path=path,
        summary="Jina's and Cohere's documents, in the order of their scores; each document takes a seat.",
        id_prefix="rerank-",
        body=RerankRequest,
        parse=RerankCall.parse,
        encode_error=encode_error,
        task="score",
    )
    for path in ("/v1/rerank", "/rerank", "/v2/rerank")
)
