"""Scores: from the request to pairs that are pooled, and from what has become of them to the answer."""

from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from itertools import cycle

from sluice.engine.base import GenerationRequest, Pair, Pooling, Sampling
from sluice.openai.embeddings.models import EmbeddingUsage
from sluice.openai.errors import encode_error
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
from sluice.settings import RequestClass
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Encoder, Endpoint, Totals


class ScoringCall(ScoringBody):
    """What both requests have in common as Calls."""

    @property
    def stream(self) -> bool:
        return False

    @property
    def request_class(self) -> RequestClass | None:
        return None

    @abstractmethod
    def pairs(self) -> Iterator[Pair]: ...

    def to_generation(self, request_id: str) -> GenerationRequest:
        pooling = Pooling("classify", None, self.use_activation)
        return GenerationRequest(request_id, tuple(self.pairs()), Sampling(), pooling=pooling)

    def encoder(self, about: About) -> Encoder:
        raise NotImplementedError("scores are not streamed")

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas()


class ScoreCall(ScoreRequest, ScoringCall):
    def pairs(self) -> Iterator[Pair]:
        first, second = self.sides
        return (Pair(one, other) for other, one in zip(second, cycle(first), strict=False))

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        data = [Score(index, "score", score_of(sequence)) for index, sequence in enumerate(sequences)]
        usage = EmbeddingUsage(totals.prompt, totals.prompt)
        yield ScoreList(about.id, "list", about.created, self.model, data, usage).encode()


class RerankCall(RerankRequest, ScoringCall):
    def pairs(self) -> Iterator[Pair]:
        return (Pair(self.query, document) for document in self.documents)

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        results = [
            Ranked(index, Document(self.documents[index]), score_of(sequence))
            for index, sequence in enumerate(sequences)
        ]
        results.sort(key=lambda each: each.relevance_score, reverse=True)
        usage = EmbeddingUsage(totals.prompt, totals.prompt)
        yield Reranked(about.id, self.model, usage, results[: self.top_n or None]).encode()


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
