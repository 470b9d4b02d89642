"""The text of an answer that goes on after a pause."""

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


class Continuation:
    """Decodes as if there had been no pause.

    vLLM takes what there is for a prompt, of which it writes nothing again: of a character whose bytes are spread over
    the tokens before and after the pause, it would write half.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: list[int], tokens: list[int]) -> None:
        self.tokenizer = tokenizer
        self.stream = DecodeStream(ids=prompt, skip_special_tokens=True)
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
