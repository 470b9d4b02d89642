"""OpenAI's completions: from the request to a generation, and from its deltas to the answer."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sluice.engine.base import Delta, GenerationRequest
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.completions.models import Completion, CompletionChoice, CompletionRequest
from sluice.openai.errors import encode_error
from sluice.openai.logprobs import CompletionLogprobs
from sluice.openai.usage import Usage
from sluice.openai.whole import whole
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals


class CompletionCall(CompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        return GenerationRequest(request_id, tuple(self.prompt), self.sampling(self.logprobs), self.n)

    def encoder(self, about: About) -> "CompletionChunks":
        return CompletionChunks(about, self.model, self.include_usage, len(self.prompt) * self.n)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas(None if self.logprobs is None else CompletionLogprobs())

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        choices = (
            CompletionChoice(
                index=index, text=sequence.text, logprobs=None, finish_reason=sequence.finish_reason,
                stop_reason=sequence.stop_reason,
            )
            for index, sequence in enumerate(sequences)
        )  # fmt: skip
        answer = Completion(
            id=about.id, object="text_completion", created=about.created, model=self.model, choices=[],
            usage=Usage.of(totals), system_fingerprint=about.fingerprint,
        )  # fmt: skip
        return whole(answer, choices, sequences)


class CompletionChunks(Chunks):
    chunk, object = Completion, "text_completion"

    def __init__(self, about: About, model: str, include_usage: bool, choices: int) -> None:
        self.logprobs = defaultdict[int, CompletionLogprobs](CompletionLogprobs)
        super().__init__(about, model, include_usage, choices)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> CompletionChoice:
        choice = CompletionChoice(index=index, text=text, logprobs=None, finish_reason=ending)
        if ending:
            choice.stop_reason = None
        return choice

    def choice(self, index: int, delta: Delta) -> CompletionChoice:
        logprobs = None
        if delta.logprobs is not None:
            self.logprobs[index].add(delta.logprobs)
            logprobs = self.logprobs[index].take()
        choice = CompletionChoice(index, delta.text, logprobs, delta.finish_reason)
        if delta.finish_reason is not None:
            choice.stop_reason = None if delta.more is None else delta.more.stop_reason
        return choice


COMPLETIONS = Endpoint(
    path="/v1/completions",
    summary="OpenAI's completions; `stream: true` answers with server-sent events.",
    id_prefix="cmpl-",
    body=CompletionRequest,
    parse=CompletionCall.parse,
    encode_error=encode_error,
)
