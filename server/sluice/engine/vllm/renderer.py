"""From a prompt to its tokens: vLLM renders the chat template, and the tokenizer does the rest."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vllm.renderers.params import ChatParams, TokenizeParams

from sluice.engine.base import AS_IT_IS, Chat, Prompt, Tokenizing
from sluice.engine.vllm.arguments import with_objects
from sluice.engine.vllm.reason import reason
from sluice.engine.vllm.special_tokens import SpecialTokens, between_turns
from sluice.engine.vllm.system_first import system_first
from sluice.engine.vllm.text_limit import characters_a_token
from sluice.engine.vllm.tokenizer import fast, renamed
from sluice.errors import ContextLengthExceeded, InvalidRequest, RequestError, one_line

if TYPE_CHECKING:
    from vllm.renderers.base import BaseRenderer

LOG = logging.getLogger("sluice")

SHORT_PROMPT, SHORT_FOR_FAST = 1_000, 10_000
"""Characters up to which a prompt is rendered on the event loop: handing it to a thread would cost more than that."""
SHORT_TOKENS = 2_000
"""The same of what is made into text."""
LETTER = "a"
"""A text that shows which tokens a tokenizer puts around one."""
CHARACTERS_A_VALUE = 200
"""What each value in a chat counts for: vLLM and the template spend that much on it, be it empty."""


class Renderer:
    """Nothing here changes the tokenizer, so it may be used on several threads.

    `misfit`: why special tokens in a text cannot be told from those of the template, where that was asked for.
    """

    def __init__(self, vllm: "BaseRenderer[Any]", special_tokens_are_text: bool = True) -> None:
        self.vllm = vllm
        self.fast = fast(vllm.tokenizer)
        self.short = SHORT_FOR_FAST if self.fast else SHORT_PROMPT
        self.max_tokens: int = vllm.model_config.max_model_len
        pools = vllm.model_config.runner_type == "pooling"
        self.longest_prompt = self.max_tokens if pools else self.max_tokens - 1
        encoder: dict[str, Any] = (vllm.model_config.encoder_config or {}) if pools else {}
        self.lowers = bool(encoder.get("do_lower_case"))
        width = characters_a_token(vllm.tokenizer)
        self.longest = None if width is None else width * self.max_tokens
        self.special: SpecialTokens | None = None
        self.misfit: str | None = None
        if special_tokens_are_text:
            try:
                self.special = self.find_special()
            except Exception as error:  # there are many kinds of tokenizers
                self.misfit = one_line(error)

    def find_special(self) -> SpecialTokens | None:
        """Raises whatever is in the way."""
        backend = getattr(self.vllm.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError("the tokenizer is not one of transformers' fast ones")
        added = backend.get_added_tokens_decoder().values()
        turns = between_turns(self.write, [token.content for token in added])
        tokens = [token for token in added if token.special or token.content in turns]
        if not tokens:
            return None
        return SpecialTokens(
            [token.content for token in tokens],
            lambda names: renamed(self.vllm.tokenizer, names, self.fast is not None),
            backend.normalizer is not None and any(token.normalized for token in tokens),
        )

    async def render(self, prompt: Chat | str | list[int], how: Tokenizing = AS_IT_IS) -> list[int]:
        """Raises InvalidRequest for what the template refuses, and ContextLengthExceeded for what can never fit."""
        if isinstance(prompt, list):
            return self.truncated(prompt, how)
        return await self.off_the_loop(prompt, lambda prompt: self.render_now(prompt, how))

    async def tokenize(self, prompt: Chat | str, how: Tokenizing = AS_IT_IS) -> list[int]:
        """However many tokens it has. Raises InvalidRequest for what the template refuses."""
        return await self.off_the_loop(prompt, lambda prompt: self.tokens_of(prompt, how, lambda text, _: text))

    async def detokenize(self, tokens: list[int]) -> str:
        """As vLLM, with special tokens. Raises InvalidRequest for what is not in the vocabulary."""
        tokenizer = self.vllm.tokenizer
        most = max(tokenizer.max_token_id, self.vllm.model_config.get_vocab_size() - 1)
        largest = max(tokens, default=0)
        if largest > most:
            raise InvalidRequest(f"{largest} is no token: {most} is the last one.", param="tokens")
        if len(tokens) <= SHORT_TOKENS:
            return str(tokenizer.decode(tokens))
        return str(await asyncio.to_thread(tokenizer.decode, tokens))

    async def off_the_loop(self, prompt: Chat | str, render: Callable[[Chat | str], list[int]]) -> list[int]:
        """If it is not short. Raises InvalidRequest for what goes wrong."""
        try:
            if is_short(prompt, self.short):
                return render(prompt)
            return await asyncio.get_running_loop().run_in_executor(None, render, prompt)
        except RequestError:
            raise
        except Exception as error:  # a template may raise anything, and nearly always because of its input
            LOG.info("A prompt cannot be rendered: %s", one_line(error))
            why = reason(error) or "something in it does not go with the model's chat template."
            param = "messages" if isinstance(prompt, Chat) else "prompt"
            raise InvalidRequest(f"The prompt cannot be rendered: {why}", param=param) from error

    def render_now(self, prompt: Chat | str, how: Tokenizing = AS_IT_IS) -> list[int]:
        """On whatever thread."""
        tokens = self.tokens_of(prompt, how, lambda text, param: self.fitting(text, param, how))
        has_special = isinstance(prompt, str) and how.add_special_tokens is not False and how.truncation_side is None
        return self.truncated(tokens, how, *(map(len, self.around()) if has_special else ()))

    def tokens_of(self, prompt: Chat | str, how: Tokenizing, fit: Callable[[str, str], str]) -> list[int]:
        """`fit` gets to see the text first, and what it came in."""
        if not isinstance(prompt, Chat):
            whole = fit(prompt, "prompt")
            return self.encode(whole.lower() if self.lowers else whole, how.add_special_tokens is not False)
        hidden = self.special and self.special.hide(prompt)
        text = self.write(hidden or prompt)
        if not isinstance(text, str):
            return text
        text = fit(text, "messages")
        if self.special and hidden:
            tokens = self.special.encode(text)
            before, behind = self.around() if how.add_special_tokens else ([], [])
            return before + tokens + behind
        return self.encode(text, bool(how.add_special_tokens))

    def around(self) -> tuple[list[int], list[int]]:
        """What the tokenizer puts before a text, and behind it."""
        bare, whole = self.encode(LETTER, False), self.encode(LETTER, True)
        start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
        return whole[:start], whole[start + len(bare) :]

    def side(self, how: Tokenizing) -> str:
        """Where a prompt is cut: the tokenizer's own, if the request does not say."""
        return how.truncation_side or str(getattr(self.vllm.tokenizer, "truncation_side", "left"))

    def truncated(self, tokens: list[int], how: Tokenizing, before: int = 0, behind: int = 0) -> list[int]:
        """`before`, `behind`: so many at its ends stay, if there is room for them."""
        if how.truncate_to is None:
            return tokens
        most = self.longest_prompt if how.truncate_to < 0 else how.truncate_to
        if len(tokens) <= most:
            return tokens
        if before + behind >= most:
            before = behind = 0
        end, room = len(tokens) - behind, most - before - behind
        text = slice(before, before + room) if self.side(how) == "right" else slice(end - room, end)
        return tokens[:before] + tokens[text] + tokens[end:]

    def text_of(self, prompt: Prompt, how: Tokenizing, tokens: list[int]) -> str:
        """The prompt, as the client has written it if it is a whole text."""
        if isinstance(prompt, str) and how.truncate_to is None:
            return prompt
        return str(self.vllm.get_tokenizer().decode(tokens))

    def fitting(self, text: str, param: str, how: Tokenizing) -> str:
        """The text, without what can't be left once it is truncated. Raises ContextLengthExceeded."""
        if how.truncate_to is None or self.longest is None:
            self.check_length(text, param)
            return text
        return text[: self.longest] if self.side(how) == "right" else text[-self.longest :]

    def write(self, chat: Chat) -> str | list[int]:
        """The template's text; some templates make tokens themselves.

        Agents put system messages between the others, which some templates refuse.
        """
        try:
            return self.write_in_order(chat)
        except Exception:  # a template may raise anything
            first = system_first(chat)
            if first is None:
                raise
            return self.write_in_order(first)

    def write_in_order(self, chat: Chat) -> str | list[int]:
        kwargs = {"add_generation_prompt": True, "tokenize": False} | chat.template_kwargs
        if chat.tools:
            kwargs["tools"] = chat.tools
        messages: Any = with_objects(chat.messages)
        _, rendered = self.vllm.render_messages(messages, ChatParams(chat_template_kwargs=kwargs))
        tokens: list[int] | None = rendered.get("prompt_token_ids")
        return str(rendered["prompt"]) if tokens is None else tokens

    def check_length(self, text: str, param: str) -> None:
        """Raises ContextLengthExceeded for a text that is too long whatever its tokens are."""
        if self.longest is not None and len(text) > self.longest:
            raise ContextLengthExceeded(
                f"This model's maximum context length is {self.max_tokens} tokens, but the prompt is too long: it has "
                f"{len(text)} characters, and so many tokens have {self.longest} at most.",
                code="context_length_exceeded",
                param=param,
            )

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        tokens: list[int]
        if self.fast is not None:
            tokens = self.fast.encode(text, add_special_tokens).ids
        else:  # no limit: whether prompt and answer fit is checked once, where the request is put together
            params = TokenizeParams(max_total_tokens=None, add_special_tokens=add_special_tokens)
            tokens = self.vllm.tokenize_prompt({"prompt": text}, params)["prompt_token_ids"]
        return tokens


def is_short(prompt: Chat | str, most: int) -> bool:
    """Whether all that a template gets to see comes to no more than so many characters. Looks at no more than these."""
    if isinstance(prompt, str):
        return len(prompt) <= most
    inside: list[Any] = [*prompt.template_kwargs.values()]
    if not all(value is None or isinstance(value, bool) for value in inside):
        return False  # who knows what a template does with these
    if (len(prompt.messages) + len(prompt.tools)) * CHARACTERS_A_VALUE > most:
        return False
    inside = [*prompt.messages, *prompt.tools]
    while inside:
        value = inside.pop()
        most -= CHARACTERS_A_VALUE
        if isinstance(value, (str, list, dict)):
            most -= len(value)
        if most < 0:
            return False
        if isinstance(value, list):
            inside += value
        elif isinstance(value, dict):
            inside += value.values()
    return True
