"""OpenAI's chat completions: from the request to a generation, and from its deltas to the answer."""

from collections.abc import Iterator, Sequence
from typing import Any

from sluice.engine.base import Chat, Delta, GenerationRequest, More, NamedTool, Rendered
from sluice.engine.parser import CallDelta, Parsed
from sluice.openai.chat.models import (
    CalledFunction,
    CalledTool,
    CalledToolDelta,
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
from sluice.openai.usage import Usage
from sluice.openai.whole import whole
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals
from sluice.wire.template import Frame


class ChatCall(ChatCompletionRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        chat = Chat(
            self.messages, self.template_arguments, self.tools, self.chosen, self.parallel_tool_calls,
            self.include_reasoning,
        )  # fmt: skip
        sampling = self.sampling(self.top_logprobs if self.tells_logprobs else None)
        tokenizing = self.tokenizing(wants_text=self.return_prompt_text)
        return GenerationRequest(
            request_id, (chat,), sampling, self.n, {"max_tokens": self.limit_name}, tokenizing, self.request_id
        )

    @property
    def tells_prompt(self) -> bool:
        return self.return_token_ids or self.return_prompt_text

    def about_prompt(self, prompt: Rendered) -> dict[str, Any]:
        """The fields of an answer that tell of it."""
        ids = {"prompt_token_ids": prompt.tokens} if self.return_token_ids else {}
        return ids | ({"prompt_text": prompt.text} if self.return_prompt_text else {})

    def entries(self) -> ChatLogprobs:
        """For the logprobs of an answer."""
        return ChatLogprobs(None if self.logprob_token_ids else self.top_logprobs, self.return_tokens_as_token_ids)

    def encoder(self, about: About) -> "ChatChunks":
        return ChatChunks(about, self)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas(self.entries() if self.tells_logprobs else None)

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        choices = (self.choice(index, sequence, about) for index, sequence in enumerate(sequences))
        answer = ChatCompletion(
            id=about.id, object="chat.completion", created=about.created, model=about.model, choices=[],
            usage=Usage.of(totals), system_fingerprint=about.fingerprint,
            service_tier="flex" if self.service_tier == "flex" else "default",
            **(self.about_prompt(about.prompts[0]) if self.tells_prompt else {}),
        )  # fmt: skip
        return whole(answer, choices, sequences)

    def choice(self, index: int, sequence: CollectedDeltas, about: About) -> ChatChoice:
        parsed = sequence.parsed or Parsed(sequence.text)
        message = to_message(parsed, about)
        if self.echoed:
            message.content = self.echoed + (message.content or "")
        return ChatChoice(
            index=index,
            message=message,
            logprobs=None,
            finish_reason=self.reason(sequence.finish_reason, bool(parsed.calls)),
            stop_reason=sequence.stop_reason,
            token_ids=sequence.ids if self.tells_ids else None,
        )

    def reason(self, ending: Ending, has_called: bool) -> Ending:
        """OpenAI's word for the end: a call that the client has chosen itself is an answer like any other."""
        is_chosen = isinstance(self.tool_choice, NamedTool)
        return "tool_calls" if ending == "stop" and has_called and not is_chosen else ending


def to_message(parsed: Parsed, about: About) -> ChatMessage:
    message = ChatMessage(role="assistant", content=parsed.text or (None if parsed.calls or parsed.reasoning else ""))
    for field in about.reasoning_fields:
        setattr(message, field, parsed.reasoning or None)
    if parsed.calls:
        message.tool_calls = [
            CalledTool(
                id=call.id or "", type="function",
                function=CalledFunction(name=call.name or "", arguments=call.arguments),
            )
            for call in parsed.calls
        ]  # fmt: skip
    return message


class ChatChunks(Chunks):
    chunk, object = ChatCompletionChunk, "chat.completion.chunk"

    def __init__(self, about: About, call: ChatCall) -> None:
        self.call, self.reasoning_fields = call, about.reasoning_fields
        self.have_called = set[int]()
        super().__init__(about, call, call.n, tells_prompts=call.tells_prompt)

    def opening(self, index: int) -> bytes:
        opening = super().opening(index)
        if self.prompts:
            told = self.call.about_prompt(self.prompt(index))
            opening = self.encode(index, self.greeting(index), **told)
        if not self.call.echoed:
            return opening
        return opening + self.encode(index, self.plain(index, self.call.echoed, None))

    @classmethod
    def greeting(cls, index: int) -> ChatChunkChoice:
        """Names the role."""
        opening = ChatDelta(role="assistant", content="")
        return ChatChunkChoice(index=index, delta=opening, logprobs=None, finish_reason=None)

    @classmethod
    def plain(cls, index: int, text: str, ending: Ending) -> ChatChunkChoice:
        said = ChatDelta(content=text) if text or ending is None else ChatDelta()
        choice = ChatChunkChoice(index=index, delta=said, logprobs=None, finish_reason=ending)
        if ending:
            choice.stop_reason = None
        return choice

    def delta(self, index: int, delta: Delta) -> bytes:
        more = delta.more
        if more is not None and more.calls:
            self.have_called.add(index)
        if more is not None and self.used is None and is_thought(delta):
            frame = self.thoughts[index] = self.thoughts[index] or self.thought(index)
            return frame.fill(more.reasoning)
        return super().delta(index, delta)

    def thought(self, index: int) -> Frame:
        """The event for a delta that is only reasoning."""
        delta = Delta("", 1, None, None, More(reasoning=Frame.SLOT))
        return Frame(self.encode(index, self.choice(index, delta)))

    def ending(self, index: int, delta: Delta) -> Ending:
        return self.call.reason(delta.finish_reason, index in self.have_called)

    def choice(self, index: int, delta: Delta) -> ChatChunkChoice:
        logprobs, more = None, delta.more or More()
        if delta.logprobs is not None:
            entries = self.call.entries()
            entries.add(delta.logprobs)
            logprobs = entries.take()
        said = ChatDelta()
        if delta.text or not (more.reasoning or more.calls or delta.finish_reason):
            said.content = delta.text
        if more.reasoning:
            for field in self.reasoning_fields:
                setattr(said, field, more.reasoning)
        if more.calls:
            said.tool_calls = [to_delta(call) for call in more.calls]
        choice = ChatChunkChoice(index, said, logprobs, self.ending(index, delta))
        if delta.finish_reason is not None:
            choice.stop_reason = more.stop_reason
        if self.call.tells_ids:
            choice.token_ids = list(more.ids)
        return choice


def is_thought(delta: Delta) -> bool:
    """It is reasoning, and nothing else."""
    more = delta.more
    if more is None or not more.reasoning or delta.text or delta.finish_reason is not None:
        return False
    return delta.logprobs is None and not more.calls and not more.ids


def to_delta(call: CallDelta) -> CalledToolDelta:
    delta = CalledToolDelta(index=call.index, function=CalledFunction(arguments=call.arguments))
    if call.id is not None:
        delta.id, delta.type = call.id, "function"
    if call.name is not None:
        delta.function.name = call.name
    return delta


CHAT = Endpoint(
    path="/v1/chat/completions",
    summary="OpenAI's chat completions; `stream: true` answers with server-sent events.",
    id_prefix="chatcmpl-",
    body=ChatCompletionRequest,
    parse=ChatCall.parse,
    encode_error=encode_error,
)
