"""Tokens' probabilities in the shapes of the two routes."""

from collections.abc import Sequence

from sluice.engine.base import TokenLogprob
from sluice.wire.answer import Answer

LEAST = -9999.0  # JSON has no -Infinity; vLLM's own server sends this number, too


def finite(token: TokenLogprob) -> float:
    return max(token.logprob, LEAST)


class TopLogprob(Answer):
    token: str
    logprob: float
    bytes: list[int]


class ChatLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class ChatLogprobs(Answer):
    content: list[ChatLogprob]
    refusal: None


class CompletionLogprobs(Answer):
    text_offset: list[int]
    token_logprobs: list[float]
    tokens: list[str]
    top_logprobs: list[dict[str, float]]


def chat_logprobs(tokens: Sequence[TokenLogprob] | None, top_logprobs: int) -> ChatLogprobs | None:
    """`top_logprobs`: how many were asked for; the engine may add the token itself to the likeliest ones."""
    if tokens is None:
        return None

    def entry(token: TokenLogprob) -> ChatLogprob:
        top = [TopLogprob(**fields(each)) for each in token.top[:top_logprobs]]
        return ChatLogprob(**fields(token), top_logprobs=top)

    return ChatLogprobs(content=[entry(token) for token in tokens], refusal=None)


def fields(token: TokenLogprob) -> dict[str, str | float | list[int]]:
    return {"token": token.token, "logprob": finite(token), "bytes": list(token.token.encode())}


def completion_logprobs(tokens: Sequence[TokenLogprob] | None, offset: int = 0) -> CompletionLogprobs | None:
    """`offset`: characters in the tokens before these."""
    if tokens is None:
        return None
    offsets = [offset]
    for token in tokens:
        offsets.append(offsets[-1] + len(token.token))
    return CompletionLogprobs(
        text_offset=offsets[:-1],
        token_logprobs=[finite(token) for token in tokens],
        tokens=[token.token for token in tokens],
        top_logprobs=[{each.token: finite(each) for each in token.top} for token in tokens],
    )
