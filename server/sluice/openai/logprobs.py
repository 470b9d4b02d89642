"""Tokens' probabilities in the shapes of the two routes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import Raw

from sluice.engine.base import PromptLogprobs, TokenLogprob
from sluice.transport.sse import to_json
from sluice.wire.answer import Answer

LEAST = -9999.0  # JSON has no -Infinity; vLLM's own server sends this number, too


def finite(token: TokenLogprob) -> float:
    return max(token.logprob, LEAST)


def as_id(token: int) -> str:
    """What stands for a token's text where that is asked for: not every one is a text."""
    return f"token_id:{token}"


def prompt_pieces(prompt: PromptLogprobs) -> Iterator[bytes]:
    """vLLM's `prompt_logprobs`: for each token an object by token ids."""
    yield b"[null"
    for token in prompt.rest:
        entries = {str(token.id): ranked(token)} | {str(each.id): ranked(each) for each in token.top}
        yield b"," + to_json(entries)
    yield b"]"


def ranked(token: TokenLogprob) -> dict[str, object]:
    return {"logprob": finite(token), "rank": token.rank, "decoded_token": token.token}


class Logprobs(ABC):
    """An object of lists, each with an entry a token: JSON that grows as they come. `end` is what follows the lists."""

    names: ClassVar[tuple[str, ...]]
    end: ClassVar[bytes] = b"}"

    def __init__(self, as_ids: bool) -> None:
        """`as_ids`: tokens are told by their ids."""
        self.as_ids = as_ids
        self.lists = tuple(bytearray() for _ in self.names)

    def add(self, tokens: Sequence[TokenLogprob]) -> None:
        for token in tokens:
            self.append(self.entries(token))

    def append(self, entries: tuple[object, ...]) -> None:
        for growing, entry in zip(self.lists, entries, strict=True):
            growing.extend(b"," if growing else b"")
            growing.extend(to_json(entry))

    def shown(self, token: TokenLogprob) -> str:
        return as_id(token.id) if self.as_ids else token.token

    @abstractmethod
    def entries(self, token: TokenLogprob) -> tuple[object, ...]:
        """One for each list."""

    def pieces(self) -> Iterator[bytes | bytearray]:
        for index, (name, entries) in enumerate(zip(self.names, self.lists, strict=True)):
            yield b'%b"%b":[' % (b"," if index else b"{", name.encode())
            yield entries
            yield b"]"
        yield self.end

    def take(self) -> Raw:
        """The object with what has come since it was taken last."""
        taken = Raw(b"".join(self.pieces()))
        for entries in self.lists:
            entries.clear()
        return taken


class TopLogprob(Answer, gc=False):
    token: str
    logprob: float
    bytes: list[int]


class ChatLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class ChatLogprobs(Logprobs):
    names, end = ("content",), b',"refusal":null}'

    def __init__(self, most: int | None, as_ids: bool) -> None:
        """`most`: of the likeliest tokens, to which the engine may add the token itself; None: all that it gives."""
        super().__init__(as_ids)
        self.most = most

    def entries(self, token: TokenLogprob) -> tuple[ChatLogprob]:
        top = [TopLogprob(*self.fields(each)) for each in token.top[: self.most]]
        return (ChatLogprob(*self.fields(token), top),)

    def fields(self, token: TokenLogprob) -> tuple[str, float, list[int]]:
        return self.shown(token), finite(token), list(token.token.encode())


class CompletionLogprobs(Logprobs):
    """`offset`: characters in the tokens so far."""

    names = "text_offset", "token_logprobs", "tokens", "top_logprobs"

    def __init__(self, as_ids: bool) -> None:
        super().__init__(as_ids)
        self.offset = 0

    def add_prompt(self, prompt: PromptLogprobs) -> None:
        """Before the answer; its first token has no probability, as nothing comes before it."""
        first = as_id(prompt.first_id) if self.as_ids else prompt.first
        self.append((self.offset, None, first, None))
        self.offset += len(first)
        self.add(prompt.rest)

    def entries(self, token: TokenLogprob) -> tuple[int, float, str, dict[str, float]]:
        """The token itself leads the likeliest: it is among them, and its place is the first in vLLM's answer, too."""
        offset, text = self.offset, self.shown(token)
        self.offset += len(text)
        return offset, finite(token), text, {self.shown(each): finite(each) for each in (token, *token.top)}


class EchoedLogprobs(CompletionLogprobs):
    """Of a prompt and its answer, whose tokens wait until the prompt's are `read`."""

    def __init__(self, as_ids: bool) -> None:
        super().__init__(as_ids)
        self.waiting = list[TokenLogprob]()

    def add(self, tokens: Sequence[TokenLogprob]) -> None:
        self.waiting += tokens

    def read(self, prompt: PromptLogprobs) -> None:
        """May take long."""
        rest, self.waiting = self.waiting, []
        whole = CompletionLogprobs(self.as_ids)
        whole.add_prompt(prompt)
        whole.add(rest)
        self.lists = whole.lists
