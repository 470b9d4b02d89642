"""OpenAI's embeddings: from the request to what is pooled, and from the vectors to the answer."""

import base64
from array import array
from collections.abc import Iterator, Sequence

from sluice.engine.base import GenerationRequest, Pooling, Sampling
from sluice.openai.embeddings.models import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from sluice.openai.errors import encode_error
from sluice.settings import RequestClass
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Encoder, Endpoint, Totals

NO_DATA = b'"data":[]'
"""No text has this in it: there a quote stands behind a backslash."""


class EmbeddingCall(EmbeddingRequest):
    """The request as a Call."""

    @property
    def stream(self) -> bool:
        return False

    @property
    def request_class(self) -> RequestClass | None:
        return None

    def to_generation(self, request_id: str) -> GenerationRequest:
        pooling = Pooling("embed", self.dimensions, self.use_activation)
        names = {"prompt": "input"}
        return GenerationRequest(request_id, tuple(self.input), Sampling(), names=names, pooling=pooling)

    def encoder(self, about: About) -> Encoder:
        raise NotImplementedError("embeddings are not streamed")

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas()

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        answer = EmbeddingList(
            object="list", id=about.id, created=about.created, model=self.model, data=[],
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
