"""The server's answers through the eyes of the `openai` package: its types, strict, with vLLM's own fields."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openai.types import Completion, CompletionChoice, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice as WholeChoice
from openai.types.chat.chat_completion import ChoiceLogprobs as WholeLogprobs
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceLogprobs as ChunkLogprobs
from openai.types.completion_choice import Logprobs

Finish = Literal["stop", "length"]


class ChatStreamedChoice(ChunkChoice):
    stop_reason: int | str | None = None  # vLLM's, and ours


class ChatStreamed(ChatCompletionChunk):
    choices: list[ChatStreamedChoice]  # type: ignore[assignment]


class Said(ChatCompletionMessage):
    reasoning: None
    reasoning_content: None


class ChatWholeChoice(WholeChoice):
    message: Said
    stop_reason: int | str | None
    token_ids: None


class ChatWhole(ChatCompletion):
    choices: list[ChatWholeChoice]  # type: ignore[assignment]
    prompt_logprobs: None
    prompt_token_ids: None
    prompt_text: None


class WholeCompletionChoice(CompletionChoice):
    stop_reason: int | str | None
    prompt_logprobs: None
    prompt_token_ids: None
    token_ids: None


class WholeCompletion(Completion):
    choices: list[WholeCompletionChoice]  # type: ignore[assignment]


class StreamedChoice(CompletionChoice):
    """The package's type is that of a whole answer; in a stream OpenAI's reason is null until the end."""

    finish_reason: Finish | None  # type: ignore[assignment]
    stop_reason: int | str | None = None


class StreamedCompletion(Completion):
    choices: list[StreamedChoice]  # type: ignore[assignment]


@dataclass(frozen=True)
class Token:
    """`top`: the likeliest ones. `offset`: characters before it, where the route tells it."""

    text: str
    logprob: float
    top: tuple[float, ...]
    offset: int | None


@dataclass(frozen=True)
class Entry:
    """One of an object's choices. `opens`: it names the role, and carries no token."""

    index: int
    text: str
    finish_reason: str | None
    tokens: list[Token] | None
    opens: bool = False


@dataclass(frozen=True)
class Answered:
    """An object, streamed or whole. `head` is the same in all objects of one answer; `tells_usage`: maybe as null."""

    head: tuple[str, int, str]
    entries: list[Entry]
    usage: CompletionUsage | None
    tells_usage: bool


def chat_tokens(logprobs: WholeLogprobs | ChunkLogprobs | None) -> list[Token] | None:
    if logprobs is None:
        return None
    assert logprobs.content is not None
    for entry in logprobs.content:
        assert entry.bytes == list(entry.token.encode())
        assert all(top.bytes == list(top.token.encode()) for top in entry.top_logprobs)
    return [Token(e.token, e.logprob, tuple(top.logprob for top in e.top_logprobs), None) for e in logprobs.content]


def completion_tokens(logprobs: Logprobs | None) -> list[Token] | None:
    if logprobs is None:
        return None
    columns = (logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset)
    rows = zip(*(column or () for column in columns), strict=True)
    return [Token(text, value, likeliest(top), offset) for text, value, top, offset in rows]


def likeliest(top: dict[str, float]) -> tuple[float, ...]:
    """From the first one down; the token itself leads them."""
    return tuple(sorted(top.values(), reverse=True))


def usage_of(chunk: ChatCompletionChunk | ChatCompletion | Completion) -> tuple[CompletionUsage | None, bool]:
    return chunk.usage, "usage" in chunk.model_fields_set


def ended(reason: str | None) -> set[str]:
    """What the last event of a choice has, too."""
    return set() if reason is None else {"stop_reason"}


def chat_chunk(data: bytes) -> Answered:
    chunk = ChatStreamed.model_validate_json(data, strict=True, extra="forbid")
    entries = []
    for choice in chunk.choices:
        assert choice.model_fields_set == {"index", "delta", "logprobs", "finish_reason"} | ended(choice.finish_reason)
        delta = choice.delta
        assert delta.content or "content" in delta.model_fields_set or choice.finish_reason is not None
        assert delta.role in {None, "assistant"}
        tokens = chat_tokens(choice.logprobs)
        entries.append(Entry(choice.index, delta.content or "", choice.finish_reason, tokens, delta.role is not None))
    return Answered((chunk.id, chunk.created, chunk.model), entries, *usage_of(chunk))


def completion_chunk(data: bytes) -> Answered:
    chunk = StreamedCompletion.model_validate_json(data, strict=True, extra="forbid")
    entries = []
    for choice in chunk.choices:
        assert choice.model_fields_set == {"index", "text", "logprobs", "finish_reason"} | ended(choice.finish_reason)
        entries.append(Entry(choice.index, choice.text, choice.finish_reason, completion_tokens(choice.logprobs)))
    return Answered((chunk.id, chunk.created, chunk.model), entries, *usage_of(chunk))


def chat_whole(data: bytes) -> Answered:
    whole = ChatWhole.model_validate_json(data, strict=True, extra="forbid")
    entries = []
    for choice in whole.choices:
        assert choice.message.content is not None
        tokens = chat_tokens(choice.logprobs)
        entries.append(Entry(choice.index, choice.message.content, choice.finish_reason, tokens))
    return Answered((whole.id, whole.created, whole.model), entries, *usage_of(whole))


def completion_whole(data: bytes) -> Answered:
    whole = WholeCompletion.model_validate_json(data, strict=True, extra="forbid")
    entries = [Entry(c.index, c.text, c.finish_reason, completion_tokens(c.logprobs)) for c in whole.choices]
    return Answered((whole.id, whole.created, whole.model), entries, *usage_of(whole))


CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
CHUNK: dict[str, Callable[[bytes], Answered]] = {CHAT: chat_chunk, TEXT: completion_chunk}
WHOLE: dict[str, Callable[[bytes], Answered]] = {CHAT: chat_whole, TEXT: completion_whole}
