"""The text of an answer that goes on with what is there: inside a character, or after a pause."""

from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

REPLACEMENT = "\ufffd"
"""What is decoded of bytes that are no character, or not yet."""


def unfinished(tokenizer: Tokenizer, prompt: list[int]) -> str:
    """The prompt's text if it ends inside a character, or seems to; else nothing."""
    last: str = tokenizer.decode(prompt[-1:])
    if last and not last.endswith(REPLACEMENT):
        return ""  # the rest of the prompt changes nothing about that
    text: str = tokenizer.decode(prompt)
    return text if text.endswith(REPLACEMENT) else ""


class Unfinished:
    """A prompt's text that vLLM gives back with the beginning of the answer, because a character is open at its end.

    The character is the answer's if the answer completes it, so that both texts together are the whole text; if not,
    the sign for it is the prompt's.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def beyond(self, text: str) -> str:
        """What of the next piece of text is the answer's."""
        if self.text.startswith(text):
            self.text = self.text[len(text) :]
            return ""
        whole = self.text.rstrip(REPLACEMENT)
        signs, self.text = len(self.text) - len(whole), ""
        rest = text.removeprefix(whole)
        return rest[min(signs, len(rest) - len(rest.lstrip(REPLACEMENT))) :]


class UnfinishedStream:
    """A DecodeStream for an answer whose prompt ends inside a character."""

    def __init__(self, stream: Any, prompt: str) -> None:
        self.stream, self.prompt = stream, Unfinished(prompt)

    def step(self, tokenizer: Tokenizer, token: int) -> str | None:
        text: str | None = self.stream.step(tokenizer, token)
        return self.prompt.beyond(text) if text and self.prompt.text else text


def stream_after(tokenizer: Tokenizer, prompt: list[int], skip_special_tokens: bool = True) -> Any:
    """Decodes what comes after these tokens."""
    stream = DecodeStream(ids=prompt, skip_special_tokens=skip_special_tokens)
    text = unfinished(tokenizer, prompt)
    return UnfinishedStream(stream, text) if text else stream


class Continuation:
    """Decodes as if there had been no pause.

    vLLM takes what there is for a prompt, of which it writes nothing again: of a character whose bytes are spread over
    the tokens before and after the pause, it would write half.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: list[int], tokens: list[int]) -> None:
        self.tokenizer = tokenizer
        self.stream = stream_after(tokenizer, prompt)
        self.decode(tokens)

    def decode(self, tokens: list[int]) -> str:
        """The text that is complete with these tokens, and was not before."""
        return "".join(map(self.step, tokens))

    def step(self, token: int) -> str:
        try:
            return self.stream.step(self.tokenizer, token) or ""
        except Exception:  # of bytes that make no text: it begins anew, as vLLM does
            self.stream = DecodeStream(skip_special_tokens=True)
            return self.stream.step(self.tokenizer, token) or ""
