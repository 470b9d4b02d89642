"""Pairs of texts as a model that scores reads them: vLLM puts them together, each model in its own way."""

import asyncio
from typing import TYPE_CHECKING, Any

from vllm.entrypoints.pooling.scoring.io_processor import CrossEncoderIOProcessor
from vllm.entrypoints.pooling.scoring.utils import compress_token_type_ids
from vllm.renderers.chat_utils import ChatTemplateConfig

from sluice.engine.base import Pair, Rendered

if TYPE_CHECKING:
    from sluice.engine.vllm.renderer import Renderer


class Pairs:
    """May be used on several threads, as the renderer's tokenizer may: nothing is truncated, which would change it."""

    def __init__(self, renderer: "Renderer") -> None:
        self.renderer = renderer
        self.processor = CrossEncoderIOProcessor(renderer.vllm.config, renderer.vllm, ChatTemplateConfig())

    async def render(self, pair: Pair) -> Rendered:
        """With where the second text begins, if the model is told that. Raises ContextLengthExceeded."""
        self.renderer.check_length(pair.first, "queries")
        self.renderer.check_length(pair.second, "documents")
        return await asyncio.to_thread(self.render_now, pair)

    def render_now(self, pair: Pair) -> Rendered:
        prompt: Any = self.processor.get_score_prompt(pair.first, pair.second, {})[1]
        kinds: list[int] | None = prompt.get("token_type_ids")
        extra = {"compressed_token_type_ids": compress_token_type_ids(kinds)} if kinds else None
        return Rendered(prompt["prompt_token_ids"], None, {"extra": extra})
