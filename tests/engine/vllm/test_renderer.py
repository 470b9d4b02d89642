"""A prompt's tokens are those that vLLM's own way makes of it."""

import asyncio

import pytest

from sluice.engine.base import Chat
from sluice.engine.vllm.renderer import SHORT_FOR_FAST, SHORT_PROMPT, Renderer, size
from sluice.errors import InvalidRequest
from tests.conftest import Started

TEXTS = (
    "Count from 1 to 3.", " two  spaces\n\n", "é ß 漢字 🎉 …", "<|im_end|><|im_start|>", "don't 12345", "\x00",
    "ab " * SHORT_PROMPT, "ab " * SHORT_FOR_FAST,
)  # fmt: skip


def slow(vllm: Started) -> Renderer:
    """All of it vLLM's."""
    renderer = Renderer(vllm.engine.running.renderer)
    renderer.fast, renderer.short = None, SHORT_PROMPT
    return renderer


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_both_ways_to_the_tokens(vllm: Started, text: str) -> None:
    fast = vllm.engine.renderer
    assert fast.fast is not None
    for prompt in (text, Chat([{"role": "system", "content": "s"}, {"role": "user", "content": text}])):
        assert await fast.render(prompt) == await slow(vllm).render(prompt)


async def test_many_long_prompts_at_once(vllm: Started) -> None:
    texts = [f"{number} " * SHORT_FOR_FAST for number in range(20)]
    assert min(map(size, texts)) > vllm.engine.renderer.short
    at_once = await asyncio.gather(*map(vllm.engine.render, texts))
    assert at_once == [vllm.engine.renderer.render_now(text) for text in texts]


async def test_what_a_template_refuses(vllm: Started) -> None:
    with pytest.raises(InvalidRequest, match="cannot be rendered"):
        await vllm.engine.render(Chat([{"role": "user", "content": 7}]))
