"""OpenAI's chat completions: from the request to a generation, and from its deltas to the answer."""

from collections.abc import Sequence

from sluice.engine.base import Chat, Delta, GenerationRequest
from sluice.openai.chat.models import (
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChatDelta,
    ChatMessage,
)
from sluice.openai.chunks import Chunks, Ending
from sluice.openai.errors import encode_error
from sluice.openai.logprobs import chat_logprobs
from sluice.openai.usage import Head, Usage
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import Endpoint


class ChatCall(ChatCompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        chat = Chat(self.messages, self.chat_template_kwargs or {})
        sampling = self.sampling(self.top_logprobs if self.logprobs else None)
        return GenerationRequest(request_id, (chat,), sampling, self.n)

    def encoder(self, request_id: str, created: int) -> "ChatChunks":
        return ChatChunks(Head(request_id, created, self.model), self.include_usage, self.n, self.top_logprobs)

    def whole(self, request_id: str, created: int, sequences: Sequence[CollectedDeltas], prompt_tokens: int) -> bytes:
        choices = [
            ChatChoice(
                index=index,
                message=ChatMessage(role="assistant", content=sequence.text, refusal=None),
                logprobs=chat_logprobs(sequence.logprobs, self.top_logprobs),
                finish_reason=sequence.finish_reason,
            )
            for index, sequence in enumerate(sequences)
        ]
        usage = Usage.of(prompt_tokens, sum(sequence.tokens for sequence in sequences))
        return ChatCompletion(
            id=request_id, object="chat.completion", created=created, model=self.model, choices=choices, usage=usage
        ).encode()


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


CHAT = Endpoint(
    path="/v1/chat/completions",
    summary="OpenAI's chat completions; `stream: true` answers with server-sent events.",
    id_prefix="chatcmpl",
    body=ChatCompletionRequest,
    parse=ChatCall.parse,
    encode_error=encode_error,
)
