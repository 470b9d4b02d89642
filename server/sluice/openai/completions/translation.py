"""OpenAI's completions: from the request to a generation, and from its deltas to the answer."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from sluice.engine.base import Delta, GenerationRequest, More, Rendered
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.completions.models import Completion, CompletionChoice, CompletionRequest
from sluice.openai.errors import encode_error
from sluice.openai.logprobs import CompletionLogprobs, EchoedLogprobs
from sluice.openai.usage import Usage
from sluice.openai.whole import whole
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals


class CompletionCall(CompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        sampling = self.sampling(self.logprobs, self.logprobs if self.echo else None)
        tokenizing = self.tokenizing(wants_text=self.echoes_text)
        return GenerationRequest(request_id, tuple(self.prompt), sampling, self.n, {}, tokenizing, self.request_id)

    @property
    def echoes_text(self) -> bool:
        """As in vLLM, the prompt's tokens come instead of its text where they are asked for."""
        return self.echo and not self.return_token_ids

    def encoder(self, about: About) -> "CompletionChunks":
        return CompletionChunks(about, self)

    def collected(self) -> CollectedDeltas:
        as_ids = self.return_tokens_as_token_ids
        if self.echo:
            return EchoedDeltas(None if self.logprobs is None else EchoedLogprobs(as_ids), self.is_echo_alone)
        return CollectedDeltas(None if self.logprobs is None else CompletionLogprobs(as_ids))

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        choices = (self.choice(index, sequence, about) for index, sequence in enumerate(sequences))
        answer = Completion(
            id=about.id, object="text_completion", created=about.created, model=self.model, choices=[],
            usage=Usage.of(totals), system_fingerprint=about.fingerprint,
        )  # fmt: skip
        return whole(answer, choices, sequences)

    @property
    def tells_prompts(self) -> bool:
        return self.echo or self.return_token_ids

    def begin(self, choice: CompletionChoice, prompt: Rendered) -> None:
        """What comes of the prompt, with the beginning of an answer to it."""
        choice.text = (prompt.text or "") + choice.text
        if self.return_token_ids:
            choice.prompt_token_ids = prompt.tokens

    def choice(self, index: int, sequence: CollectedDeltas, about: About) -> CompletionChoice:
        """With what was not asked for, too, as null: clients read vLLM's fields by their names."""
        choice = CompletionChoice(
            index=index, text=sequence.text, logprobs=None, finish_reason=sequence.finish_reason,
            stop_reason=sequence.stop_reason, prompt_logprobs=None, prompt_token_ids=None,
            token_ids=sequence.ids if self.return_token_ids else None,
        )  # fmt: skip
        if self.tells_prompts:
            self.begin(choice, about.prompts[index // self.n])
        return choice


class EchoedDeltas(CollectedDeltas):
    """The logprobs begin with the prompt's."""

    def __init__(self, logprobs: EchoedLogprobs | None, is_echo_alone: bool) -> None:
        super().__init__(logprobs)
        self.echoed, self.is_echo_alone = logprobs, is_echo_alone

    def put(self, delta: Delta) -> None:
        super().put(without_answer(delta) if self.is_echo_alone else delta)

    def read_prompt(self) -> None:
        super().read_prompt()
        if self.echoed is not None and self.scored is not None:
            self.echoed.read(self.scored)


def without_answer(delta: Delta) -> Delta:
    return replace(delta, text="", logprobs=None if delta.logprobs is None else ())


class CompletionChunks(Chunks):
    chunk, object = Completion, "text_completion"

    def __init__(self, about: About, call: CompletionCall) -> None:
        self.call, self.begun = call, set[int]()
        self.logprobs = defaultdict[int, CompletionLogprobs](
            lambda: CompletionLogprobs(call.return_tokens_as_token_ids)
        )
        super().__init__(about, call, len(call.prompt) * call.n, tells_prompts=call.tells_prompts)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> CompletionChoice:
        choice = CompletionChoice(index=index, text=text, logprobs=None, finish_reason=ending)
        if ending:
            choice.stop_reason = None
        return choice

    def choice(self, index: int, delta: Delta) -> CompletionChoice:
        more, logprobs = delta.more or More(), None
        if self.call.is_echo_alone:
            delta = without_answer(delta)
        if delta.logprobs is not None:
            if more.prompt is not None and self.call.echo:
                self.logprobs[index].add_prompt(more.prompt())
            self.logprobs[index].add(delta.logprobs)
            logprobs = self.logprobs[index].take()
        choice = CompletionChoice(index, delta.text, logprobs, delta.finish_reason)
        if delta.finish_reason is not None:
            choice.stop_reason = more.stop_reason
        if self.call.return_token_ids:
            choice.token_ids = list(more.ids)
        if self.call.tells_prompts and index not in self.begun:
            self.begun.add(index)
            self.call.begin(choice, self.prompt(index))
        return choice


COMPLETIONS = Endpoint(
    path="/v1/completions",
    summary="OpenAI's completions; `stream: true` answers with server-sent events.",
    id_prefix="cmpl-",
    body=CompletionRequest,
    parse=CompletionCall.parse,
    encode_error=encode_error,
)
