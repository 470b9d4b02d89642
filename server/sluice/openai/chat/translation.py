"""OpenAI's chat completions: from the request to a generation, and from its deltas to the answer."""

from collections.abc import Iterator, Sequence

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
from sluice.openai.logprobs import ChatLogprobs
from sluice.openai.usage import Head, Usage
from sluice.openai.whole import whole
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import Endpoint


class ChatCall(ChatCompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        chat = Chat(self.messages, self.chat_template_kwargs or {})
        sampling = self.sampling(self.top_logprobs if self.logprobs else None)
        return GenerationRequest(request_id, (chat,), sampling, self.n, self.limit_name)

    def encoder(self, request_id: str, created: int) -> "ChatChunks":
        return ChatChunks(Head(request_id, created, self.model), self.include_usage, self.n, self.top_logprobs)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas(ChatLogprobs(self.top_logprobs) if self.logprobs else None)

    def whole(
        self, request_id: str, created: int, sequences: Sequence[CollectedDeltas], prompt_tokens: int
    ) -> Iterator[bytes | bytearray]:
        choices = (
            ChatChoice(
                index=index,
                message=ChatMessage(role="assistant", content=sequence.text, refusal=None),
                logprobs=None,
                finish_reason=sequence.finish_reason,
            )
            for index, sequence in enumerate(sequences)
        )
        usage = Usage.of(prompt_tokens, sum(sequence.tokens for sequence in sequences))
        answer = ChatCompletion(
            id=request_id, object="chat.completion", created=created, model=self.model, choices=[], usage=usage
        )
        return whole(answer, choices, sequences)


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
        logprobs = ChatLogprobs(self.top_logprobs)
        logprobs.add(delta.logprobs or ())
        return ChatChunkChoice(
            index=index,
            delta=ChatDelta(content=delta.text),
            logprobs=logprobs.take(),
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
