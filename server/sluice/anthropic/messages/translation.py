"""Anthropic's messages: from the request to a generation, and from its deltas to the answer."""

from collections.abc import Iterator, Sequence

from sluice.anthropic.errors import encode_error
from sluice.anthropic.messages.answer import Block, Message, Text, Thought, ToolUse, Usage
from sluice.anthropic.messages.ending import ending, to_input
from sluice.anthropic.messages.events import MessageEvents
from sluice.anthropic.messages.models import MessagesRequest
from sluice.engine.base import GenerationRequest, Sampling
from sluice.engine.parser import Parsed
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals


class MessagesCall(MessagesRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        sampling = Sampling(
            temperature=self.temperature, top_p=self.top_p, top_k=self.top_k, max_tokens=self.max_tokens,
            stop=tuple(self.stop_sequences), constraint=self.constraint, cache_salt=self.cache_salt,
        )  # fmt: skip
        return GenerationRequest(request_id, (self.chat,), sampling)

    def encoder(self, about: About) -> MessageEvents:
        return MessageEvents(about)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas()

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        [sequence] = sequences
        parsed = sequence.parsed or Parsed(sequence.text)
        call = parsed.calls[-1].arguments if parsed.calls else None
        end = ending(sequence.finish_reason, sequence.stop_reason, call)
        yield Message(
            about.id, "assistant", about.model, to_content(parsed, about.id), end.stop_reason, end.stop_sequence,
            Usage.of(totals),
        ).encode()  # fmt: skip


def to_content(parsed: Parsed, signature: str) -> list[Block]:
    content: list[Block] = [ToolUse(call.id or "", call.name or "", to_input(call.arguments)) for call in parsed.calls]
    if parsed.text or not (content or parsed.reasoning):
        content.insert(0, Text(parsed.text))
    if parsed.reasoning:
        content.insert(0, Thought(parsed.reasoning, signature))
    return content


MESSAGES = Endpoint(
    path="/v1/messages",
    summary="Anthropic's messages; `stream: true` answers with server-sent events.",
    id_prefix="msg_",
    body=MessagesRequest,
    parse=MessagesCall.parse,
    encode_error=encode_error,
)
