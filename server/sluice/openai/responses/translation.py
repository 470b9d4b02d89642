"""OpenAI's responses: from the request to a generation, and from its deltas to the answer."""

from collections.abc import Iterator, Sequence

from sluice.engine.base import Chat, GenerationRequest, Rendered
from sluice.engine.parser import CallDelta, Parsed
from sluice.openai.errors import encode_error
from sluice.openai.responses.answer import RawMessage, RawMessages, ResponseObject
from sluice.openai.responses.events import ResponseEvents
from sluice.openai.responses.items import to_messages
from sluice.openai.responses.logprobs import TextLogprobs
from sluice.openai.responses.models import ResponsesRequest
from sluice.openai.responses.output import Called, Ending, Message, Output, Reasoning, to_raw
from sluice.openai.whole import NO_LOGPROBS
from sluice.transport.sse import to_json
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Endpoint, Totals

NAMES = {"messages": "input", "max_tokens": "max_output_tokens", "response_format": "text.format"}
"""What is said of these is said of the response's own."""


class ResponsesCall(ResponsesRequest):
    """The request as a Call."""

    def to_generation(self, request_id: str) -> GenerationRequest:
        chat = Chat(
            to_messages(self.instructions, self.input), self.template_arguments,
            [tool.to_template() for tool in self.tools], self.chosen, self.parallel_tool_calls, self.include_reasoning,
        )  # fmt: skip
        sampling = self.sampling(self.top_logprobs if self.wants_logprobs else None)
        tokenizing = self.tokenizing(wants_text=self.enable_response_messages)
        return GenerationRequest(request_id, (chat,), sampling, 1, NAMES, tokenizing, self.request_id)

    def encoder(self, about: About) -> ResponseEvents:
        return ResponseEvents(ResponseObject(about, self), self.top_logprobs)

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas(TextLogprobs(self.top_logprobs) if self.wants_logprobs else None)

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        (sequence,) = sequences
        status: Ending = "incomplete" if sequence.finish_reason == "length" else "completed"
        response = ResponseObject(about, self)
        raw = raw_messages(about.prompts[0], sequence) if self.enable_response_messages else None
        yield from response.pieces(response.ended(status, totals), items(about, sequence, status), raw)


def raw_messages(prompt: Rendered, answer: CollectedDeltas) -> RawMessages:
    given, written = (prompt.text or "", prompt.tokens), (answer.text, answer.ids)
    return RawMessages(*([RawMessage("raw_message_tokens", *each)] for each in (given, written)))


def items(about: About, sequence: CollectedDeltas, status: Ending) -> Iterator[bytes | bytearray]:
    """The response's, as JSON. `status`: how the last of them ends."""
    parsed = sequence.parsed or Parsed(sequence.text)
    found = list[tuple[Output, str]]()

    def add(text: str, kind: type[Output], *own: CallDelta) -> None:
        found.append((kind(about.id.rpartition("_")[2], len(found), *own), text))

    if parsed.reasoning:
        add(parsed.reasoning, Reasoning)
    if parsed.text or not (parsed.reasoning or parsed.calls):
        add(parsed.text, Message)
    for call in parsed.calls:
        add(call.arguments, Called, call)
    for output, text in found:
        is_last = output.index == len(found) - 1
        if output.index:
            yield b","
        if isinstance(output, Message) and isinstance(sequence.logprobs, TextLogprobs):
            if sequence.parsed is not None:
                sequence.logprobs.keep(text, is_last)
            output.logprobs = None
            before, after = to_json(output.item(status if is_last else "completed", to_raw(text))).split(NO_LOGPROBS)
            yield before + b'"logprobs":'
            yield from sequence.logprobs.pieces()
            yield after
        else:
            yield to_json(output.item(status if is_last else "completed", to_raw(text)))


RESPONSES = Endpoint(
    path="/v1/responses",
    summary="OpenAI's responses; `stream: true` answers with server-sent events. Nothing is stored.",
    id_prefix="resp_",
    body=ResponsesRequest,
    parse=ResponsesCall.parse,
    encode_error=encode_error,
)
