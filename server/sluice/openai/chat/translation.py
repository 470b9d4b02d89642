"""POST /v1/chat/completions: the answer, whole and streamed."""

from collections.abc import Sequence
from typing import Literal

from sluice.engine.base import Delta, FinishReason
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.logprobs import ChatLogprobs, chat_logprobs
from sluice.wire.answer import Answer, Head, Usage
from sluice.wire.collected import CollectedDeltas


class ChatMessage(Answer):
    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(Answer):
    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatCompletion(Answer):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class ChatDelta(Answer):
    role: Literal["assistant"] | None = None
    content: str


class ChatChunkChoice(Answer):
    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatCompletionChunk(Answer):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | None = None


def chat_completion(head: Head, sequences: Sequence[CollectedDeltas], prompt_tokens: int, top_logprobs: int) -> bytes:
    """The whole answer, as JSON."""
    choices = [
        ChatChoice(
            index=index,
            message=ChatMessage(role="assistant", content=sequence.text, refusal=None),
            logprobs=chat_logprobs(sequence.logprobs, top_logprobs),
            finish_reason=sequence.finish_reason,
        )
        for index, sequence in enumerate(sequences)
    ]
    usage = Usage.of(prompt_tokens, sum(sequence.tokens for sequence in sequences))
    return ChatCompletion(**head._asdict(), object="chat.completion", choices=choices, usage=usage).encode()


class ChatChunks(Chunks):
    chunk, object = ChatCompletionChunk, "chat.completion.chunk"

    def __init__(self, head: Head, include_usage: bool, choices: int, top_logprobs: int) -> None:
        self.top_logprobs = top_logprobs
        super().__init__(head, include_usage, choices)

    @classmethod
    def greeting(cls, index: int) -> ChatChunkChoice:
        """Names the role."""
        opening = ChatDelta(role="assistant", content="")
        return ChatChunkChoice(index=index, delta=opening, logprobs=None, finish_reason=None)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> ChatChunkChoice:
        return ChatChunkChoice(index=index, delta=ChatDelta(content=text), logprobs=None, finish_reason=ending)

    def choice(self, index: int, delta: Delta) -> ChatChunkChoice:
        return ChatChunkChoice(
            index=index,
            delta=ChatDelta(content=delta.text),
            logprobs=chat_logprobs(delta.logprobs, self.top_logprobs),
            finish_reason=delta.finish_reason,
        )
