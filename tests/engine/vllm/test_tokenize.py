"""Tokens of a prompt and texts of tokens, as transformers makes them of the same tokenizer."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from transformers import AutoTokenizer

from sluice.engine.base import Chat, Tokenizing
from sluice.engine.vllm.renderer import SHORT_TOKENS, Renderer
from sluice.engine.vllm.tokenizer import info
from sluice.errors import InvalidRequest
from sluice.transport.sse import to_json
from tests.engine.vllm.conftest import RendererOf
from tests.held import held

TEXTS = ("Count from 1 to 3.", "é 漢字 🎉", "<|im_end|><|im_start|>", "", "one two " * 60_000)
TOOL = {"type": "function", "function": {"name": "f", "description": None, "parameters": {"properties": {"a": {}}}}}


@pytest.fixture
def around(model_folder: Path) -> Path:
    """The embedded model's folder, with a tokenizer that puts a token before a text, and one behind it."""
    path = model_folder / "tokenizer.json"
    data = json.loads(path.read_text())
    names = ("<|endoftext|>", "<|im_start|>")
    tokens = {name: {"id": name, "ids": [number], "tokens": [name]} for number, name in enumerate(names)}
    put = [{"SpecialToken": {"id": name, "type_id": 0}} for name in tokens]
    data["post_processor"] = {
        "type": "TemplateProcessing", "single": [put[0], {"Sequence": {"id": "A", "type_id": 0}}, put[1]],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": tokens,
    }  # fmt: skip
    path.write_text(json.dumps(data))
    return model_folder


async def test_tokens_and_texts(around: Path, renderer_of: RendererOf) -> None:
    renderer, known = Renderer(renderer_of(around)), AutoTokenizer.from_pretrained(around)
    for text in TEXTS:
        for adds in (True, False):
            tokens = await renderer.tokenize(text, Tokenizing(adds))
            assert tokens == known(text, add_special_tokens=adds)["input_ids"]
            assert await renderer.detokenize(tokens) == known.decode(tokens)
        messages = [{"role": "user", "content": text.replace("<|", "<")}, {"role": "assistant", "content": "I"}]
        for kwargs in ({}, {"continue_final_message": True, "add_generation_prompt": False}, {"enable_thinking": True}):
            chat = Chat(messages, kwargs, [TOOL])
            ending: dict[str, Any] = {"add_generation_prompt": True} | kwargs
            written = known.apply_chat_template(messages, tools=[TOOL], tokenize=False, **ending)
            for adds in (True, False):
                assert (
                    await renderer.tokenize(chat, Tokenizing(adds))
                    == known(written, add_special_tokens=adds)["input_ids"]
                )


def test_what_a_tokenizer_is_made_of_can_be_sent(around: Path, renderer_of: RendererOf) -> None:
    """lm-eval makes chats of it, and looks for the ends of texts."""
    tokenizer = renderer_of(around).tokenizer
    told = json.loads(to_json(info(tokenizer)))
    assert (told["chat_template"], told["eos_token"]) == (tokenizer.chat_template, "<|im_end|>")
    assert told["added_tokens_decoder"]["2"] == "<|im_end|>"
    assert isinstance(told["tokenizer_class"], str)


@pytest.mark.parametrize("side", ["left", "right"])
async def test_what_is_around_a_text_stays_where_it_is_cut(
    around: Path, renderer_of: RendererOf, side: Literal["left", "right"]
) -> None:
    """As vLLM has it, unless the request names the side."""
    known = AutoTokenizer.from_pretrained(around, truncation_side=side)
    vllm = renderer_of(around)
    vllm.tokenizer.truncation_side = side  # vLLM has it left for models that generate
    renderer, text = Renderer(vllm), "1 2 3 4 5 6"
    whole = known(text)["input_ids"]
    for most in (1, 2, 3, 5, 50):
        sliced = whole[-most:] if side == "left" else whole[:most]
        kept = known(text, truncation=True, max_length=most)["input_ids"] if most > 2 else sliced
        assert await renderer.render(text, Tokenizing(None, most)) == kept
        assert await renderer.render(text, Tokenizing(None, most, side)) == sliced


async def test_a_number_that_is_no_token_is_refused(demo_renderer: Any) -> None:
    renderer = Renderer(demo_renderer)
    last: int = demo_renderer.model_config.get_vocab_size() - 1
    assert await renderer.detokenize([last])
    for wrong in (last + 1, 2**32, 2**70):
        with pytest.raises(InvalidRequest, match=f"{wrong} is no token: {last} is the last one"):
            await renderer.detokenize([5, wrong])


async def test_what_is_long_does_not_hold_the_loop(demo_renderer: Any) -> None:
    renderer = Renderer(demo_renderer)
    tokens = await renderer.tokenize("one two " * 20_000)
    assert len(tokens) > SHORT_TOKENS
    async with held() as loop:
        await renderer.tokenize("one two " * 20_000)
        await renderer.detokenize(tokens)
    assert loop.longest < 0.01
