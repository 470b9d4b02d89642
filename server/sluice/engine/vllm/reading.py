"""vLLM's parser of one answer, which gets to see only what may be a tool call, or the end of a thought."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from sluice.engine.parser import CallDelta, Parsed
from sluice.errors import one_line

if TYPE_CHECKING:
    from vllm.entrypoints.generate.base.protocol import DeltaMessage, DeltaToolCall
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.parser import Parser

LOG = logging.getLogger("sluice")
Kind = Literal["text", "reasoning"]
NOTHING = Parsed()


class Reading:
    """The Parser of the engine's protocol.

    A parser of vLLM's takes 5 to 11 µs a piece, and some copy all text so far each time. So what can't begin a marker
    goes straight on as what came before it, `kind`, and is told to the parser with the next piece that can.

    `make`: a parser that has seen nothing yet. `leads`: of each kind, the characters that a marker may begin with; of a
    kind that is not in it the parser sees all. `special`: tokens that may be markers, by their ids, with what they add
    to a text. `late`: pieces that wait for it. `told`: what the parser has been told, and `held` the end of it, of
    which it has made nothing.
    """

    def __init__(
        self, make: "Callable[[], Parser]", request: "ChatCompletionRequest", prompt: Sequence[int], *,
        leads: dict[Kind, frozenset[str]], special: dict[int, str], kind: Kind | None,
    ) -> None:  # fmt: skip
        self.make, self.parser, self.request = make, make(), request
        self.prompt, self.is_new = prompt, True
        self.leads, self.special, self.kind = leads, special, kind
        self.markers = frozenset(special)
        self.one_call = request.parallel_tool_calls is False
        self.untold, self.untold_ids = list[str](), list[int]()
        self.late, self.late_ids = "", list[int]()
        self.told, self.told_ids, self.held, self.has_calls = list[str](), list[int](), "", False

    def piece(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        if not is_last and self.markers.isdisjoint(ids):
            if not text:
                self.late_ids += ids
                return NOTHING
            if not self.late_ids:
                return self.pass_on(text, ids) if self.begins_nothing(self.kind, text) else self.read(text, ids, False)
        parts = self.apart(self.late + text, [*self.late_ids, *ids])
        self.late, self.late_ids = "", []
        if not is_last and self.is_late(*parts[-1]):
            self.late, self.late_ids = parts.pop()
        found = [self.part(*part, is_last and part is parts[-1]) for part in parts]
        if is_last and self.held and not self.has_calls:
            found.append(self.left_over())
        return Parsed(
            "".join(each.text for each in found), "".join(each.reasoning for each in found),
            tuple(call for each in found for call in each.calls),
        )  # fmt: skip

    def apart(self, text: str, ids: list[int]) -> list[tuple[str, list[int]]]:
        """Each marker that the text shows by itself, as some parsers expect it, what comes before it, and the rest."""
        parts = list[tuple[str, list[int]]]()
        start = first = 0
        for index, token in enumerate(ids):
            marker = self.special.get(token, "")
            found = text.find(marker, start)
            if found < 0:
                break
            if marker:
                if text[start:found] or ids[first:index]:
                    parts.append((text[start:found], ids[first:index]))
                parts.append((marker, [token]))
                start, first = found + len(marker), index + 1
        if text[start:] or ids[first:] or not parts:
            parts.append((text[start:], ids[first:]))
        return parts

    def is_late(self, text: str, ids: list[int]) -> bool:
        """Where stop strings are looked for, the text comes later than its tokens; parsers expect both together."""
        if not text and self.markers.isdisjoint(ids):
            return True
        return any(self.special.get(token, "") not in text for token in ids)

    def part(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        if self.is_harmless(self.kind, text, ids) and not (is_last and self.kind == "reasoning"):
            return self.pass_on(text, ids)
        return self.read(text, ids, is_last)

    def pass_on(self, text: str, ids: Sequence[int]) -> Parsed:
        self.untold.append(text)
        self.untold_ids += ids
        return Parsed(text) if self.kind == "text" else Parsed("", text)

    def read(self, text: str, ids: Sequence[int], is_last: bool) -> Parsed:
        try:
            if self.untold_ids:  # by itself: some parsers expect a marker to come alone
                self.tell("".join(self.untold), self.untold_ids, False)
                self.untold, self.untold_ids = [], []
            message = self.tell(text, [*ids], is_last)
        except Exception as error:  # models write what parsers do not expect
            LOG.warning("The parser of an answer has failed, and the rest of it is text: %s", one_line(error))
            self.leads, self.special, self.kind = {"text": frozenset()}, {}, "text"
            self.markers = frozenset()
            text, self.held = self.held + text, ""
            return Parsed(text)
        return self.taken(text, ids, message)

    def tell(self, text: str, ids: list[int], is_last: bool) -> "DeltaMessage | None":
        prompt, self.is_new = list(self.prompt) if self.is_new else None, False
        self.told.append(text)
        self.told_ids += ids
        return self.parser.parse_delta(text, ids, self.request, prompt, finished=is_last)

    def is_harmless(self, kind: Kind | None, text: str, ids: Sequence[int]) -> bool:
        """Nothing in it can be of a marker, where this kind of text is."""
        return self.markers.isdisjoint(ids) and self.begins_nothing(kind, text)

    def begins_nothing(self, kind: Kind | None, text: str) -> bool:
        leads = None if kind is None else self.leads.get(kind)
        if leads is None:
            return False
        for lead in leads:  # noqa: SIM110 (a token's text has one lead to look for: a generator costs more than that)
            if lead in text:
                return False
        return True

    def taken(self, told: str, ids: Sequence[int], message: "DeltaMessage | None") -> Parsed:
        """What the parser has made of what it was told last."""
        waits = self.held + told
        if message is None:
            self.kind, self.held = None, waits
            return Parsed()
        text, reasoning = message.content or "", message.reasoning or ""
        calls = tuple(to_call(call) for call in message.tool_calls or () if not (self.one_call and call.index))
        # if it is neither, the parser holds something back, or has found a marker
        kind: Kind | None = "text" if text == told else "reasoning" if reasoning == told else None
        self.kind = kind if self.is_harmless(kind, told, ids) else None
        self.has_calls = self.has_calls or bool(calls)
        self.held = behind(text or reasoning, waits)
        return Parsed(text, reasoning, calls)

    def left_over(self) -> Parsed:
        """What was held back for a call that has not come, if it is part of the text for who gets it as a whole."""
        text = self.whole("".join(self.told), self.told_ids).text
        return Parsed(self.held) if text.endswith(self.held) else NOTHING

    def whole(self, text: str, ids: Sequence[int]) -> Parsed:
        parser = self.parser if self.is_new else self.make()
        parser.set_prompt_token_ids(list(self.prompt))
        try:
            reasoning, content, calls = parser.parse(
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


def behind(known: str, text: str) -> str:
    """The rest of a text that begins with what is known, but for markers; nothing if that is not in it."""
    at = 0 if text.startswith(known) else text.rfind(known)
    return "" if at < 0 else text[at + len(known) :]


def to_call(call: "DeltaToolCall") -> CallDelta:
    function = call.function
    if function is None:
        return CallDelta(call.index, "", call.id)
    return CallDelta(call.index, function.arguments or "", call.id, function.name)
