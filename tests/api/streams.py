"""A stream, read from its bytes: the grammar of its events, and what they say, put together choice by choice."""

import re
from dataclasses import dataclass, field

from openai.types import CompletionUsage

from tests.api.wire import CHAT, CHUNK, Answered, Entry, Token

GRAMMAR = re.compile(rb"(?:data: [^\r\n]+\n\n|: ping\n\n)+")


@dataclass
class Choice:
    """One sequence, as its events tell it: `pieces` of text, one an event; `tokens`, where logprobs were asked for."""

    opened: bool
    pieces: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def add(self, entry: Entry) -> None:
        assert self.finish_reason is None, "an event after the last"
        if entry.opens:
            assert (self.opened, entry.text, entry.tokens, entry.finish_reason) == (False, "", None, None)
            self.opened = True
            return
        assert self.opened, "a token before the role"
        self.pieces.append(entry.text)
        self.tokens += entry.tokens or []
        self.finish_reason = entry.finish_reason


@dataclass
class Streamed:
    id: str
    choices: list[Choice]
    usage: CompletionUsage | None = None

    @property
    def events(self) -> int:
        """Those that carry a token."""
        return sum(len(choice.pieces) for choice in self.choices)


def events_of(raw: bytes) -> list[bytes]:
    """The data of every event but `[DONE]`, which is the last. There is nothing else but pings."""
    assert GRAMMAR.fullmatch(raw), raw
    assert raw.decode().splitlines() == raw.decode().split("\n")[:-1], "a line break that only some clients see"
    *events, last = [line.removeprefix(b"data: ") for line in raw.split(b"\n\n") if line.startswith(b"data: ")]
    assert last == b"[DONE]", "cut off"
    assert last not in events
    return events


def put_together(raw: bytes, path: str, choices: int, wants_usage: bool) -> Streamed:
    """Reads a whole stream; asserts all that holds for every one, whatever was asked for."""
    objects: list[Answered] = [CHUNK[path](event) for event in events_of(raw)]
    (head,) = {each.head for each in objects}
    assert {each.tells_usage for each in objects} == {wants_usage}, "usage is in every object, or in none"
    usage = None
    if wants_usage:
        *objects, last = objects
        assert last.entries == [], "the usage has an event of its own"
        assert last.usage is not None
        usage = last.usage
    streamed = Streamed(head[0], [Choice(opened=path != CHAT) for _ in range(choices)], usage)
    for each in objects:
        assert each.usage is None
        (entry,) = each.entries
        streamed.choices[entry.index].add(entry)
    assert all(choice.finish_reason for choice in streamed.choices), "a choice without an end"
    return streamed
