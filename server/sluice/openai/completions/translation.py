"""OpenAI's completions: from the request to a generation, and from its deltas to the answer."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sluice.engine.base import Delta, GenerationRequest
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.completions.models import Completion, CompletionChoice, CompletionRequest
from sluice.openai.errors import encode_error
from sluice.openai.logprobs import CompletionLogprobs
from sluice.openai.usage import Head, Usage
from sluice.openai.whole import whole
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import Endpoint


class CompletionCall(CompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        return GenerationRequest(request_id, tuple(self.prompt), self.sampling(self.logprobs), self.n)

    def encoder(self, request_id: str, created: int) -> "CompletionChunks":
        return CompletionChunks(Head(request_id, created, self.model), self.include_usage, len(self.prompt) * self.n)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas(None if self.logprobs is None else CompletionLogprobs())

    def whole(
        self, request_id: str, created: int, sequences: Sequence[CollectedDeltas], prompt_tokens: int
    ) -> Iterator[bytes | bytearray]:
        choices = (
            CompletionChoice(index=index, text=sequence.text, logprobs=None, finish_reason=sequence.finish_reason)
            for index, sequence in enumerate(sequences)
        )
        usage = Usage.of(prompt_tokens, sum(sequence.tokens for sequence in sequences))
        answer = Completion(
            id=request_id, object="text_completion", created=created, model=self.model, choices=[], usage=usage
        )
        return whole(answer, choices, sequences)


class CompletionChunks(Chunks):
    chunk, object = Completion, "text_completion"

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        self.logprobs = defaultdict[int, CompletionLogprobs](CompletionLogprobs)
        super().__init__(head, include_usage, choices)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> CompletionChoice:
        return CompletionChoice(index=index, text=text, logprobs=None, finish_reason=ending)

    def choice(self, index: int, delta: Delta) -> CompletionChoice:
        logprobs = self.logprobs[index]
        logprobs.add(delta.logprobs or ())
        return CompletionChoice(
            index=index, text=delta.text, logprobs=logprobs.take(), finish_reason=delta.finish_reason
        )


COMPLETIONS = Endpoint(
    path="/v1/completions",
    summary="OpenAI's completions; `stream: true` answers with server-sent events.",
    id_prefix="cmpl",
    body=CompletionRequest,
    parse=CompletionCall.parse,
    encode_error=encode_error,
)
