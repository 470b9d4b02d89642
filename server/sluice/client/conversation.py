"""A conversation with a model, an answer at a time."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from sluice.client.server import Server, check, events
from sluice.errors import ServerFailed

Kind = Literal["text", "reasoning", "usage"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Of an answer: text, reasoning, or in the end how many tokens it had (`tokens`)."""

    kind: Kind
    text: str = ""
    tokens: int = 0


class Conversation:
    """`messages`: what has been said, as the server gets it."""

    def __init__(self, server: Server, model: str, system: str | None) -> None:
        self.server, self.model = server, model
        self.messages: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []

    def ask(self, question: str) -> Generator[Piece, None, None]:
        """The answer's pieces as they come. Raises ServerFailed.

        Closed before its end, it closes the connection, which is what aborts an answer; what has come is kept, and of a
        question to which nothing has come, nothing.
        """
        self.messages.append({"role": "user", "content": question})
        said = ""
        try:
            for piece in self.stream():
                said += piece.text if piece.kind == "text" else ""
                yield piece
        finally:
            if said:
                self.messages.append({"role": "assistant", "content": said})
            else:
                self.messages.pop()

    def stream(self) -> Iterator[Piece]:
        body = {
            "model": self.model, "messages": self.messages, "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        try:
            with self.server.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                check(answer)
                for event in events(answer.iter_lines()):
                    yield from pieces(event)
        except httpx.HTTPError as error:
            raise self.server.unreachable(error) from None
        except ValueError:
            raise ServerFailed("an event of the answer is not JSON") from None


def pieces(event: dict[str, Any]) -> Iterator[Piece]:
    if error := event.get("error"):
        raise ServerFailed(str(error.get("message") if isinstance(error, dict) else error))
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if reasoning := delta.get("reasoning") or delta.get("reasoning_content"):
            yield Piece("reasoning", reasoning)
        if text := delta.get("content"):
            yield Piece("text", text)
    if usage := event.get("usage"):
        yield Piece("usage", tokens=int(usage.get("completion_tokens") or 0))
