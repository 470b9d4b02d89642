"""From a prompt to its tokens: vLLM renders the chat template, and the model's own tokenizer does the rest."""

import asyncio
from typing import TYPE_CHECKING, Any

from vllm.renderers.params import ChatParams, TokenizeParams

from server.engine.base import Chat, Prompt
from server.errors import InvalidRequest, one_line

if TYPE_CHECKING:
    from vllm.renderers.base import BaseRenderer

SHORT_PROMPT = 1000
"""Characters up to which a prompt is rendered on the event loop: handing it to a thread would cost more than that."""
PROBE = "<|im_start|>A  b\tÉé ß\n漢字 🎉 don't 12345…</s> [INST]"


class Renderer:
    """Nothing here changes the tokenizer, so it may be used on several threads."""

    def __init__(self, vllm: "BaseRenderer[Any]") -> None:
        self.vllm = vllm
        # transformers' call of it costs as much again, most of it for offsets that nobody asks for.
        self.backend: Any = getattr(vllm.tokenizer, "backend_tokenizer", None)
        if self.backend is None or self.encode(PROBE, True) != vllm.tokenizer(PROBE)["input_ids"]:
            self.backend = None

    async def render(self, prompt: Prompt) -> list[int]:
        """Raises InvalidRequest for what the template refuses."""
        if isinstance(prompt, list):
            return prompt
        try:
            if size(prompt) <= SHORT_PROMPT:
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
        if self.backend is not None:
            tokens = self.backend.encode_batch_fast([text], add_special_tokens=add_special_tokens)[0].ids
        else:  # no limit: whether prompt and answer fit is checked once, where the request is put together
            params = TokenizeParams(max_total_tokens=None, add_special_tokens=add_special_tokens)
            tokens = self.vllm.tokenize_prompt({"prompt": text}, params)["prompt_token_ids"]
        return tokens


def size(prompt: Chat | str) -> int:
    """Characters to be rendered, roughly."""
    if isinstance(prompt, str):
        return len(prompt)
    return sum(len(str(message.get("content"))) for message in prompt.messages) + len(str(prompt.template_kwargs))
