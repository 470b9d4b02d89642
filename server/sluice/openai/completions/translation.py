"""POST /v1/completions: the answer, whole and streamed; OpenAI has one shape for both."""

from collections.abc import Sequence
from typing import Literal

from sluice.engine.base import Delta, FinishReason
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.logprobs import CompletionLogprobs, completion_logprobs
from sluice.wire.answer import Answer, Head, Usage
from sluice.wire.collected import CollectedDeltas


class CompletionChoice(Answer):
    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class Completion(Answer):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


def completion(head: Head, sequences: Sequence[CollectedDeltas], prompt_tokens: int) -> bytes:
    """The whole answer, as JSON."""
    choices = [
        CompletionChoice(
            index=index,
            text=sequence.text,
            logprobs=completion_logprobs(sequence.logprobs),
            finish_reason=sequence.finish_reason,
        )
        for index, sequence in enumerate(sequences)
    ]
    usage = Usage.of(prompt_tokens, sum(sequence.tokens for sequence in sequences))
    return Completion(**head._asdict(), object="text_completion", choices=choices, usage=usage).encode()


class CompletionChunks(Chunks):
    chunk, object = Completion, "text_completion"

    def __init__(self, head: Head, include_usage: bool, choices: int) -> None:
        self.offsets = [0] * choices
        super().__init__(head, include_usage, choices)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> CompletionChoice:
        return CompletionChoice(index=index, text=text, logprobs=None, finish_reason=ending)

    def choice(self, index: int, delta: Delta) -> CompletionChoice:
        logprobs = completion_logprobs(delta.logprobs, self.offsets[index])
        self.offsets[index] += sum(len(token.token) for token in delta.logprobs or ())
        return CompletionChoice(index=index, text=delta.text, logprobs=logprobs, finish_reason=delta.finish_reason)
