"""What the model was trained on is what it is served: transformers renders its template as the training did."""

import random
from itertools import islice

import pytest
from transformers import AutoTokenizer

from sluice.demo.chats import Chat
from sluice.demo.mix import MIX, draw, training
from sluice.demo.tokenizer import load
from sluice.demo.train import FOLDER, Encoder

ENCODER = Encoder(load(FOLDER), (FOLDER / "chat_template.jinja").read_text())
SERVED = AutoTokenizer.from_pretrained(FOLDER)


def served(chat: Chat) -> str:
    options = {"tools": chat.tools, "enable_thinking": chat.thinking}
    text = SERVED.apply_chat_template(chat.messages, tokenize=False, add_generation_prompt=True, **options)
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("skill", MIX)
def test_prompts_are_the_same_in_training_and_serving(skill: str) -> None:
    rng = random.Random(3)
    for chat in (draw(rng, skill) for _ in range(200)):
        assert served(chat) == ENCODER.render(chat)


def test_tokens_are_the_same_in_training_and_serving() -> None:
    for chat in islice(training(random.Random(4), MIX), 500):
        prompt = served(chat)
        ((ids, learned),) = ENCODER.encode([chat])
        assert SERVED.encode(prompt + chat.answer + "<|im_end|>", add_special_tokens=False) == ids
        start = len(SERVED.encode(prompt, add_special_tokens=False))
        assert all(learned[start:])
        assert ids[:start] == SERVED.encode(prompt, add_special_tokens=False)


def test_a_conversation_reads_as_in_the_model_card() -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools: list[dict[str, object]] = [
        {"type": "function", "function": {"name": "get_weather", "description": "not read", "parameters": parameters}}
    ]
    call = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\n", "tool_calls": [call]},
        {"role": "tool", "content": "Rain."},
    ]
    assert served(Chat("tool", [], messages, "The tool says: Rain.", tools, thinking=True)) == (
        "<|im_start|>system\nBe kind.\nThink first.\n"
        '{"name": "get_weather", "arguments": {"city": "string"}}<|im_end|>\n'
        "<|im_start|>user\nWhat is the weather in Oslo?<|im_end|>\n"
        "<|im_start|>assistant\n"
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call><|im_end|>\n'
        "<|im_start|>tool\nRain.<|im_end|>\n<|im_start|>assistant\n"
    )
