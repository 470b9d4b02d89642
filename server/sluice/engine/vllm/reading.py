"""vLLM's parser of one answer, which gets to see only what may be a tool call, or the end of a thought."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sluice.engine.parser import CallDelta, Parsed
from sluice.errors import one_line

if TYPE_CHECKING:
    from vllm.entrypoints.generate.base.protocol import DeltaMessage
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.parser import Parser

LOG = logging.getLogger("sluice")
Kind = Literal["text", "reasoning"]


class Reading:
    """The Parser of the engine's protocol.

    A parser of vLLM's takes 5 to 11 µs a piece, and some copy all text so far each time. So what can't begin a marker
    goes straight on as what came before it, `kind`, and is told to the parser with the next piece that can.

    `leads`: of each kind, the characters that a marker may begin with; of a kind that is not in it the parser sees all.
    `special`: ids of tokens that may be markers.
    """

    def __init__(
        self, parser: "Parser", request: "ChatCompletionRequest", prompt: Sequence[int], *,
        leads: dict[Kind, frozenset[str]], special: frozenset[int], kind: Kind | None,
    ) -> None:  # fmt: skip
        self.parser, self.request = parser, request
        self.prompt: list[int] | None = list(prompt)
        self.leads, self.special, self.kind = leads, special, kind
        self.one_call = request.parallel_tool_calls is False
        self.untold, self.untold_ids = "", list[int]()

    def piece(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        if self.goes_straight_on(text, ids) and not (is_last and self.kind == "reasoning"):
            self.untold += text
            self.untold_ids += ids
            return Parsed(text) if self.kind == "text" else Parsed("", text)
        untold, self.untold = self.untold, ""
        told_ids, self.untold_ids = [*self.untold_ids, *ids], []
        try:
            message = self.parser.parse_delta(untold + text, told_ids, self.request, self.prompt, finished=is_last)
        except Exception as error:  # models write what parsers do not expect
            LOG.warning("The parser of an answer has failed, and the rest of it is text: %s", one_line(error))
            self.leads, self.special, self.kind = {"text": frozenset()}, frozenset(), "text"
            return Parsed(text)
        self.prompt = None
        return self.beyond(untold, untold + text, message)

    def goes_straight_on(self, text: str, ids: Sequence[int]) -> bool:
        leads = self.leads.get(self.kind) if self.kind else None
        if leads is None or not self.special.isdisjoint(ids):
            return False
        return not any(lead in text for lead in leads)

    def beyond(self, untold: str, told: str, message: "DeltaMessage | None") -> Parsed:
        """What the parser has made of `told`, without what has gone straight on."""
        text, reasoning, calls = "", "", tuple[CallDelta, ...]()
        if message is not None:
            text, reasoning = message.content or "", message.reasoning or ""
            calls = tuple(
                CallDelta(
                    call.index, (call.function and call.function.arguments) or "", call.id,
                    call.function and call.function.name,
                )
                for call in message.tool_calls or ()
                if not (self.one_call and call.index)
            )  # fmt: skip
        if text == told:
            kind: Kind | None = "text"
        elif reasoning == told:
            kind = "reasoning"
        else:  # it holds something back, or has found a marker
            kind = None
        if untold:
            if self.kind == "text":
                text = text[len(untold) :]
            else:
                reasoning = reasoning[len(untold) :]
        self.kind = kind
        return Parsed(text, reasoning, calls)

    def whole(self, text: str, ids: Sequence[int]) -> Parsed:
        self.parser.set_prompt_token_ids(self.prompt or [])
        try:
            reasoning, content, calls = self.parser.parse(
                text, self.request, enable_auto_tools=True, model_output_token_ids=ids
            )
        except Exception as error:
            LOG.warning("The parser of an answer has failed, and all of it is text: %s", one_line(error))
            return Parsed(text)
        if not self.request.include_reasoning:
            reasoning = None
        found = list(calls or ())[:1] if self.one_call else calls or ()
        return Parsed(
            content or "",
            reasoning or "",
            tuple(CallDelta(index, call.arguments, call.id, call.name) for index, call in enumerate(found)),
        )

    def reasoning_tokens(self, ids: Sequence[int]) -> int:
        return int(self.parser.count_reasoning_tokens(ids))
