"""OpenAI's embeddings: from the request to what is pooled, and from the vectors to the answer."""

import base64
from array import array
from collections.abc import Iterator, Sequence

from sluice.engine.base import GenerationRequest, Pooling, Sampling, Tokenizing
from sluice.openai.embeddings.models import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from sluice.openai.errors import encode_error
from sluice.openai.pooling import PoolingCall
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals

NO_DATA = b'"data":[]'
"""No text has this in it: there a quote stands behind a backslash."""


class EmbeddingCall(EmbeddingRequest, PoolingCall):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        return GenerationRequest(
            request_id, tuple(self.input), Sampling(), names=dict.fromkeys(("prompt", "max_tokens"), "input"),
            name=self.request_id,
            tokenizing=Tokenizing(self.add_special_tokens, self.truncate_prompt_tokens, self.truncation_side),
            pooling=Pooling("embed", self.dimensions, self.use_activation, self.cache_salt),
        )  # fmt: skip

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        answer = EmbeddingList(
            object="list", id=about.id, created=about.created, model=about.model, data=[],
            usage=EmbeddingUsage(totals.prompt, totals.prompt),
        )  # fmt: skip
        head, tail = answer.encode().split(NO_DATA)
        yield head + b'"data":['
        for index, sequence in enumerate(sequences):
            if index:
                yield b","
            yield Embedding("embedding", index, self.written(sequence.vector)).encode()
        yield b"]" + tail

    def written(self, vector: bytes) -> list[float] | str:
        if self.encoding_format == "base64":
            return base64.b64encode(vector).decode()
        return array("f", vector).tolist()


EMBEDDINGS = Endpoint(
    path="/v1/embeddings",
    summary="OpenAI's embeddings, of a model that embeds; each input takes a seat.",
    id_prefix="embd-",
    body=EmbeddingRequest,
    parse=EmbeddingCall.parse,
    encode_error=encode_error,
    task="embed",
)
