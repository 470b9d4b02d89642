"""Probabilities of the tokens that make up a response's text; those of its thoughts and its calls are not told."""

from collections.abc import Iterator, Sequence

from msgspec import Raw

from sluice.engine.base import TokenLogprob
from sluice.openai.logprobs import ChatLogprobs
from sluice.transport.sse import one_line, to_json


class TextLogprobs:
    """The CollectedLogprobs: an entry a token, made into JSON as they come, and what the token says."""

    def __init__(self, top_logprobs: int) -> None:
        self.entries_of = ChatLogprobs(top_logprobs, False).entries
        self.said, self.entries = list[str](), list[bytes]()

    def add(self, tokens: Sequence[TokenLogprob]) -> None:
        for token in tokens:
            self.said.append(token.token)
            self.entries.append(one_line(to_json(self.entries_of(token)[0])))

    def keep(self, text: str, is_last: bool) -> None:
        """Forget the tokens that are not the text's, where they can be told apart. `is_last`: it ends the answer."""
        start = "".join(self.said).rfind(text)
        if start < 0:
            return
        first, last, at = len(self.said), 0, 0
        for number, said in enumerate(self.said):
            if at < start + len(text) and at + len(said) > start:
                first, last = min(first, number), number + 1
            at += len(said)
        own = slice(first, None if is_last else last)
        self.said, self.entries = self.said[own], self.entries[own]

    def take(self, other: "TextLogprobs") -> None:
        """Those of another, which has none then."""
        self.said += other.said
        self.entries += other.entries
        other.clear()

    def clear(self) -> None:
        self.said, self.entries = [], []

    def pieces(self) -> Iterator[bytes | bytearray]:
        yield b"["
        yield b",".join(self.entries)
        yield b"]"

    def to_raw(self) -> Raw:
        return Raw(b"".join(self.pieces()))
