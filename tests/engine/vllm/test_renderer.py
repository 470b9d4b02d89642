"""A prompt's tokens are those that vLLM's own way makes of it, and what is long does not hold the event loop."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sluice.engine.base import Chat
from sluice.engine.vllm.renderer import SHORT_FOR_FAST, SHORT_PROMPT, Renderer, is_short
from sluice.errors import ContextLengthExceeded, InvalidRequest
from tests.engine.vllm.conftest import RendererOf
from tests.held import held

TEXTS = (
    "Count from 1 to 3.", " two  spaces\n\n", "é ß 漢字 🎉 …", "<|im_end|><|im_start|>", "don't 12345", "\x00",
    "ab " * SHORT_PROMPT, "ab " * SHORT_FOR_FAST,
)  # fmt: skip


@pytest.fixture(scope="session")
def renderer(demo_renderer: Any) -> Renderer:
    return Renderer(demo_renderer, special_tokens_are_text=False)


@pytest.fixture
def slow(demo_renderer: Any) -> Renderer:
    """All of it vLLM's."""
    renderer = Renderer(demo_renderer, special_tokens_are_text=False)
    renderer.fast, renderer.short = None, SHORT_PROMPT
    return renderer


def user(content: Any) -> Chat:
    return Chat([{"role": "user", "content": content}])


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_both_ways_to_the_tokens(renderer: Renderer, slow: Renderer, text: str) -> None:
    assert renderer.fast is not None
    for prompt in (text, Chat([{"role": "system", "content": "s"}, {"role": "user", "content": text}])):
        assert await renderer.render(prompt) == await slow.render(prompt)


async def test_many_long_prompts_at_once(renderer: Renderer) -> None:
    texts = [f"{number} " * SHORT_FOR_FAST for number in range(20)]
    assert not any(is_short(text, renderer.short) for text in texts)
    at_once = await asyncio.gather(*map(renderer.render, texts))
    assert at_once == [renderer.render_now(text) for text in texts]


def called(arguments: str, calls: int = 1) -> Chat:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return Chat([{"role": "assistant", "content": "", "tool_calls": [dict(call) for _ in range(calls)]}])


LONG = "12 " * SHORT_FOR_FAST
NESTED: dict[str, Any] = {}
for _ in range(10_000):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("prompt", "is_so"),
    [
        ("", True),
        (LONG, False),
        (user("Hello."), True),
        (user(LONG), False),
        (user([{"type": "text", "text": "Hello."}]), True),
        (user([{"type": "text", "text": LONG}]), False),
        (Chat([{"role": "user", "content": "a", "name": LONG}]), False),
        (Chat([{"role": "assistant", "content": "a", "reasoning": LONG}]), False),
        (Chat([{"role": "user", "content": "a"}] * 4), True),
        (Chat([{"role": "user", "content": ""}] * 100), False),
        (called("{}"), True),
        (called(json.dumps({"a": LONG})), False),
        (called("{}", 100), False),
        (Chat([{"role": "user", "content": "a"}], {"enable_thinking": False, "tools": None}), True),
        (Chat([{"role": "user", "content": "a"}], {"times": 100_000}), False),
        (Chat([{"role": "user", "content": "a"}], {"mood": "b"}), False),
        (Chat([{"role": "user", "content": "a"}], {"tools": [{LONG: 1}]}), False),
        (Chat([{"role": "user", "content": "a"}], NESTED), False),
        (Chat([{"role": "user", "content": "a", "more": NESTED}]), False),
    ],
    ids=range(19),
)  # fmt: skip
def test_what_is_short(prompt: Chat | str, is_so: bool) -> None:
    assert is_short(prompt, SHORT_FOR_FAST) == is_so


MANY = 100_000
HEAVY: dict[str, Chat | str] = {
    "a text": "漢" * 1_000_000,
    "a content": user("<|im_end|> " * 300_000),
    "arguments": called(json.dumps({"a": "b " * 1_000_000})),
    "messages": Chat([{"role": "user", "content": "a"}] * MANY),
    "calls": called("{}", MANY),
    "tools": Chat(
        [{"role": "user", "content": "a"}],
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}] * MANY},
    ),
    "nothing that the template takes": Chat([{"role": "user", "content": "a"}], {"odd": [[]] * 1_000_000}),
    "what is nested": Chat([{"role": "user", "content": "a"}], NESTED),
}


@pytest.mark.parametrize("kind", HEAVY)
async def test_what_is_long_does_not_hold_the_loop(demo_renderer: Any, kind: str) -> None:
    renderer = Renderer(demo_renderer)
    async with held() as loop:
        for prompt in (HEAVY[kind],):
            try:
                await renderer.render(prompt)
            except InvalidRequest:
                continue
    assert loop.longest < 0.05


async def test_a_template_that_takes_long(model_folder: Path, renderer_of: RendererOf) -> None:
    (model_folder / "chat_template.jinja").write_text(
        "{% for a in range(times) %}{% for b in range(9) %}{% endfor %}{% endfor %}a"
    )
    renderer = Renderer(renderer_of(model_folder))
    async with held() as loop:
        assert await renderer.render(Chat([{"role": "user", "content": "a"}], {"times": 90_000}))
    assert loop.longest < 0.05


class Unused:
    """A tokenizer that nobody may ask."""

    def encode(self, text: str, add_special_tokens: bool) -> Any:
        raise AssertionError("it was tokenized")


async def test_what_can_never_fit_is_not_tokenized(demo_renderer: Any) -> None:
    renderer = Renderer(demo_renderer)
    assert renderer.longest is not None
    assert len(await renderer.render("a" * renderer.longest)) > renderer.max_tokens
    monkey: Any = Unused()
    renderer.fast = monkey
    assert renderer.special is not None
    renderer.special.renamed = lambda text: monkey.encode(text, False)
    text = "a" * (renderer.longest + 1)
    for prompt, param in ((text, "prompt"), (user(text), "messages"), (user(text + "<|im_end|>"), "messages")):
        with pytest.raises(ContextLengthExceeded, match="prompt is too long") as refused:
            await renderer.render(prompt)
        assert refused.value.message.startswith("This model's maximum context length is 32768 tokens")
        assert (refused.value.code, refused.value.param) == ("context_length_exceeded", param)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('Roles must alternate.') }}", "Roles must alternate."),
        ("{{ raise_exception('a' * 1000) }}", "a" * 200),
        ("{{ raise_exception('No ' + messages[0].content) }}", "No " + "b" * 197),
        ("{{ 1 + 'a' }}", None),
        ("{{ nothing.at.all }}", None),
        ("{{ ''.join(7) }}", None),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", None),
        ("{{ messages[0].__class__.mro() }}", None),
    ],
)
async def test_what_a_template_refuses(
    model_folder: Path, renderer_of: RendererOf, template: str, message: str | None
) -> None:
    (model_folder / "chat_template.jinja").write_text(template)
    renderer = Renderer(renderer_of(model_folder))
    with pytest.raises(InvalidRequest) as refused:
        await renderer.render(user("b" * 1000))
    why = message or "something in it does not go with the model's chat template."
    assert refused.value.message == f"The prompt cannot be rendered: {why}"
    assert refused.value.param == "messages"


ONLY_FIRST = """{% for message in messages %}{% if message.role == 'system' and not loop.first %}
{{ raise_exception('System message must be at the beginning.') }}{% endif %}{{ message.role }}: {{ message.content }}
{% endfor %}"""


async def test_a_template_that_takes_a_system_message_first_gets_all_of_them_there(
    model_folder: Path, renderer_of: RendererOf
) -> None:
    (model_folder / "chat_template.jinja").write_text(ONLY_FIRST)
    renderer = Renderer(renderer_of(model_folder))
    said = [{"role": role, "content": role[0]} for role in ("system", "user", "system", "assistant", "user")]
    first = [{"role": "system", "content": "s\n\ns"}, said[1], *said[3:]]
    assert await renderer.render(Chat(said)) == await renderer.render(Chat(first))
    assert await renderer.render(Chat(said[1:])) == await renderer.render(Chat([said[0], said[1], *said[3:]]))


async def test_what_vllm_refuses(renderer: Renderer) -> None:
    call = {"id": "a", "type": "other", "function": {"name": "f", "arguments": "{}"}}
    with pytest.raises(InvalidRequest, match="only support assistant tool_calls of type 'function'"):
        await renderer.render(Chat([{"role": "assistant", "content": "", "tool_calls": [call]}]))
    with pytest.raises(InvalidRequest, match=r"does not go with the model's chat template\.$"):
        await renderer.render(user(7))


async def test_a_model_without_a_template(model_folder: Path, renderer_of: RendererOf) -> None:
    (model_folder / "chat_template.jinja").unlink()
    renderer = Renderer(renderer_of(model_folder))
    assert renderer.special is not None
    with pytest.raises(InvalidRequest, match="must provide a chat template"):
        await renderer.render(user("a"))
    assert await renderer.render("a")
