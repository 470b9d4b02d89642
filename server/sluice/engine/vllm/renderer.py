"""From a prompt to its tokens: vLLM renders the chat template, and the tokenizer does the rest."""

import asyncio
from typing import TYPE_CHECKING, Any

from vllm.renderers.params import ChatParams, TokenizeParams

from sluice.engine.base import Chat, Prompt
from sluice.engine.vllm.tokenizer import fast
from sluice.errors import InvalidRequest, one_line

if TYPE_CHECKING:
    from vllm.renderers.base import BaseRenderer

SHORT_PROMPT, SHORT_FOR_FAST = 1_000, 10_000
"""Characters up to which a prompt is rendered on the event loop: handing it to a thread would cost more than that."""


class Renderer:
    """Nothing here changes the tokenizer, so it may be used on several threads."""

    def __init__(self, vllm: "BaseRenderer[Any]") -> None:
        self.vllm = vllm
        self.fast = fast(vllm.tokenizer)
        self.short = SHORT_FOR_FAST if self.fast else SHORT_PROMPT

    async def render(self, prompt: Prompt) -> list[int]:
        """Raises InvalidRequest for what the template refuses."""
        if isinstance(prompt, list):
            return prompt
        try:
            if size(prompt) <= self.short:
                return self.render_now(prompt)
            return await asyncio.get_running_loop().run_in_executor(None, self.render_now, prompt)
        except Exception as error:  # a template may raise anything, and nearly always because of its input
            raise InvalidRequest(f"The prompt cannot be rendered: {one_line(error)}", param="messages") from error

    def render_now(self, prompt: Chat | str) -> list[int]:
        """On whatever thread."""
        if not isinstance(prompt, Chat):
            return self.encode(prompt, True)
        kwargs = {"add_generation_prompt": True, "tokenize": False} | prompt.template_kwargs
        _, rendered = self.vllm.render_messages(prompt.messages, ChatParams(chat_template_kwargs=kwargs))
        tokens: list[int] | None = rendered.get("prompt_token_ids")  # from templates that make tokens themselves
        return self.encode(rendered["prompt"], False) if tokens is None else tokens

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        tokens: list[int]
        if self.fast is not None:
            tokens = self.fast.encode(text, add_special_tokens).ids
        else:  # no limit: whether prompt and answer fit is checked once, where the request is put together
            params = TokenizeParams(max_total_tokens=None, add_special_tokens=add_special_tokens)
            tokens = self.vllm.tokenize_prompt({"prompt": text}, params)["prompt_token_ids"]
        return tokens


def size(prompt: Chat | str) -> int:
    """Characters to be rendered, roughly."""
    if isinstance(prompt, str):
        return len(prompt)
    return sum(len(str(message.get("content"))) for message in prompt.messages) + len(str(prompt.template_kwargs))
