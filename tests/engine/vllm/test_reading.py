"""vLLM's parsers see what may be a marker, and what is made of an answer is as if they had seen all of it."""

import json
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
import xgrammar
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm.config import ReasoningConfig

from sluice.engine.base import Chat, NamedTool
from sluice.engine.parser import CallDelta, Parsed
from sluice.engine.vllm.parsing import Parsing, default_of_switches
from sluice.engine.vllm.reading import Reading
from sluice.engine.vllm.renderer import Renderer
from sluice.errors import InvalidRequest

TOOLS = [{"type": "function", "function": {"name": "f", "description": None, "parameters": {"type": "object"}}}]
FLAG = {
    "type": "function",
    "function": {"name": "f", "parameters": {
        "type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"],
    }},
}  # fmt: skip
ASKED = [{"role": "user", "content": "Hi."}]
CALL = '<tool_call>{"name": "f", "arguments": {"city": "Oslo"}}</tool_call>'
THOUGHT = "<think>\nHm, 1 < 2.\n</think>\n\n"


@pytest.fixture(scope="module")
def renderer(demo_renderer: Any) -> Renderer:
    return Renderer(demo_renderer, special_tokens_are_text=False)


@pytest.fixture(scope="module")
def parsing(renderer: Renderer) -> Parsing:
    return Parsing(renderer.vllm.config, renderer.vllm.tokenizer, "hermes", "deepseek_r1", renderer.write)


def reading(parsing: Parsing, *, tools: bool = True, thinks: bool = False) -> Reading:
    kwargs = {"enable_thinking": True} if thinks else {}
    chat = Chat(ASKED, kwargs, TOOLS if tools else [], "auto" if tools else "none")
    made = parsing.prepare(chat, [1, 2, 3], None).parser
    assert made is not None
    found = made()
    assert isinstance(found, Reading)
    return found


def read(reading: Reading, renderer: Renderer, text: str, pieces: int = 1, held: int = 0) -> Parsed:
    """An answer, so many tokens a piece, put together again. `held`: characters that come late, for a stop string."""
    ids = renderer.vllm.tokenizer.encode(text, add_special_tokens=False)
    groups = [ids[start : start + pieces] for start in range(0, len(ids), pieces)]
    waiting, said, thought, calls = "", "", "", dict[int, list[str]]()
    for number, group in enumerate(groups, 1):
        waiting += renderer.vllm.tokenizer.decode(group)
        piece = waiting if number == len(groups) else waiting[: max(0, len(waiting) - held)]
        waiting = waiting[len(piece) :]
        parsed = reading.piece(piece, group, number == len(groups))
        said, thought = said + parsed.text, thought + parsed.reasoning
        for call in parsed.calls:
            if call.name:
                assert call.id
                calls[call.index] = [call.name, ""]
            calls[call.index][1] += call.arguments
    return Parsed(said, thought, tuple(CallDelta(index, call[1], None, call[0]) for index, call in calls.items()))


class Counting:
    """A parser of vLLM's, and how often it is asked."""

    def __init__(self, parser: Any) -> None:
        self.parser, self.asked = parser, 0

    def parse_delta(self, *arguments: Any, **named: Any) -> Any:
        self.asked += 1
        return self.parser.parse_delta(*arguments, **named)


TEXTS = {
    "plain": "One two three.", "a comparison": "1 < 2 and <b>so</b> on, {}", "a call": CALL, "two calls": CALL + CALL,
    "text and a call": f"Look: {CALL}", "half a call": CALL[:30], "a marker's beginning": "a <tool",
    "an end alone": "a </tool_call> b", "nothing": " ",
}  # fmt: skip
THOUGHTS = [*(THOUGHT + text for text in TEXTS.values()), THOUGHT[:-12], THOUGHT]


@pytest.mark.parametrize("pieces", [1, 3, 100])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_calls(parsing: Parsing, renderer: Renderer, text: str, pieces: int) -> None:
    told_all = reading(parsing)
    told_all.leads = {}
    assert read(reading(parsing), renderer, text, pieces) == read(told_all, renderer, text, pieces)


@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("pieces", [1, 3, 100])
@pytest.mark.parametrize("text", [*TEXTS.values(), *THOUGHTS])
def test_thoughts(parsing: Parsing, renderer: Renderer, text: str, pieces: int, tools: bool) -> None:
    told_all = reading(parsing, tools=tools, thinks=True)
    told_all.leads = {}
    read_ = read(reading(parsing, tools=tools, thinks=True), renderer, text, pieces)
    assert read_ == read(told_all, renderer, text, pieces)


@pytest.mark.parametrize("held", [1, 4, 30])
@pytest.mark.parametrize("name", sorted(TEXTS.keys() - {"half a call"}))  # of that, as much is told as has come
@pytest.mark.parametrize("thought", ["", THOUGHT])
def test_text_that_comes_late(parsing: Parsing, renderer: Renderer, thought: str, name: str, held: int) -> None:
    text, thinks = thought + TEXTS[name], bool(thought)
    late = read(reading(parsing, thinks=thinks), renderer, text, held=held)
    assert late == read(reading(parsing, thinks=thinks), renderer, text)


BROKEN = {
    "no JSON": "Hm. <tool_call>\n{name: f}\n</tool_call>", "no object": "<tool_call>f(city)</tool_call> and more",
    "cut": 'Hm. <tool_call>{"nam', "a marker's beginning": "a <tool",
}  # fmt: skip


@pytest.mark.parametrize("thought", ["", THOUGHT])
@pytest.mark.parametrize("pieces", [1, 3, 100])
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_call_is_text(parsing: Parsing, renderer: Renderer, text: str, pieces: int, thought: str) -> None:
    """vLLM's stream has nothing of it; who gets the answer as a whole has all."""
    streamed = read(reading(parsing, thinks=bool(thought)), renderer, thought + text, pieces)
    ids = renderer.vllm.tokenizer.encode(thought + text, add_special_tokens=False)
    whole = reading(parsing, thinks=bool(thought)).whole(thought + text, ids)
    assert (streamed.text.strip(), streamed.calls) == (text, ())
    assert (whole.text.strip(), whole.calls) == (text, ())


@given(st.text(alphabet='ab<>/{}" ', max_size=40), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_any_text(parsing: Parsing, renderer: Renderer, text: str, pieces: int) -> None:
    told_all = reading(parsing)
    told_all.leads = {}
    assert read(reading(parsing), renderer, text, pieces) == read(told_all, renderer, text, pieces)


def test_a_plain_answer_is_no_parsers_business(parsing: Parsing, renderer: Renderer) -> None:
    found = reading(parsing)
    found.parser = counting = Counting(found.parser)
    assert read(found, renderer, "One two three four.") == Parsed("One two three four.")
    assert counting.asked == 0
    found = reading(parsing, thinks=True)
    found.parser = counting = Counting(found.parser)
    parsed = read(found, renderer, f"<think>\n{'one ' * 50}\n</think>\n\nOne two.")
    assert parsed.text.strip() == "One two."
    assert counting.asked < 12  # of more than 100 tokens: the markers, and what stands around them


def test_a_parser_that_fails_leaves_a_text(parsing: Parsing, renderer: Renderer) -> None:
    class Failing:
        def parse_delta(self, *arguments: Any, **named: Any) -> Any:
            raise ValueError("odd")

        def parse(self, *arguments: Any, **named: Any) -> Any:
            raise ValueError("odd")

        def set_prompt_token_ids(self, ids: Any) -> None: ...

    found: Any = reading(parsing)
    found.make, found.parser = Failing, Failing()
    assert read(found, renderer, f"Look: {CALL}").text == f"Look: {CALL}"
    assert found.whole(CALL, []) == Parsed(CALL)


def test_a_parser_that_fails_late_leaves_all_of_it(parsing: Parsing, renderer: Renderer) -> None:
    class FailingLate:
        def __init__(self, parser: Any) -> None:
            self.parser = parser

        def parse_delta(self, text: str, *arguments: Any, **named: Any) -> Any:
            if "f" in text:
                raise ValueError("odd")
            return self.parser.parse_delta(text, *arguments, **named)

    found: Any = reading(parsing)
    found.parser = FailingLate(found.parser)
    assert read(found, renderer, "Look: <tool_call>f(1)</tool_call>").text == "Look: <tool_call>f(1)</tool_call>"


def test_a_whole_answer_is_read_at_once(parsing: Parsing) -> None:
    parsed = reading(parsing, thinks=True).whole(THOUGHT + CALL + CALL, [])
    assert (parsed.text, parsed.reasoning.strip()) == ("", "Hm, 1 < 2.")
    assert [(call.index, call.name, json.loads(call.arguments)) for call in parsed.calls] == [
        (0, "f", {"city": "Oslo"}), (1, "f", {"city": "Oslo"}),
    ]  # fmt: skip
    assert len({call.id for call in parsed.calls}) == 2


def test_tools_need_a_parser(renderer: Renderer) -> None:
    without = Parsing(renderer.vllm.config, renderer.vllm.tokenizer, None, None, renderer.write)
    assert not without.needs(Chat(ASKED, {"enable_thinking": True}), None)
    with pytest.raises(InvalidRequest, match=r"engine\.tool_call_parser"):
        without.prepare(Chat(ASKED, {}, TOOLS, "auto"), [1], None)


@pytest.mark.parametrize("choice", ["required", NamedTool("f")])
def test_white_space_in_a_call_that_has_to_be_made(renderer: Renderer, choice: Any) -> None:
    """Where the settings forbid any, there is at most one between two parts: a small model would write no end of it."""
    config = copy(renderer.vllm.config)
    config.structured_outputs_config = replace(
        config.structured_outputs_config, backend="xgrammar", disable_any_whitespace=True
    )
    held = Parsing(config, renderer.vllm.tokenizer, "hermes", "deepseek_r1", renderer.write)
    tag = held.prepare(Chat(ASKED, {}, [FLAG], choice), [1], None).more["params"]["structured_outputs"].structural_tag
    compiled = xgrammar.GrammarCompiler(xgrammar.TokenizerInfo([])).compile_structural_tag(tag)
    call = '<tool_call>{"name": "f", "arguments": {"on":@true}}</tool_call>'
    accepted = [
        xgrammar.GrammarMatcher(compiled).accept_string(call.replace("@", spaces)) for spaces in ("", " ", "\n\n")
    ]
    assert accepted == [True, True, False]


def test_who_thinks(parsing: Parsing) -> None:
    assert [parsing.thinks(Chat(ASKED, kwargs)) for kwargs in ({}, {"enable_thinking": True})] == [False, True]
    assert not parsing.needs(Chat(ASKED), None)


@pytest.mark.parametrize(
    ("template", "thinks"),
    [
        (lambda kwargs: "T" if kwargs.get("enable_thinking") else "", False),
        (lambda kwargs: "T" if kwargs.get("enable_thinking", True) else "", True),
        (lambda kwargs: "T" if kwargs.get("thinking") else "", False),
        (lambda kwargs: "", True),
    ],
)
def test_the_templates_word_on_thinking(template: Any, thinks: bool) -> None:
    assert default_of_switches(lambda chat: template(chat.template_kwargs)) is thinks


def test_a_budget_is_for_thoughts_that_can_be_told(renderer: Renderer) -> None:
    """Agents send one to any model."""

    def budget(reasoning: str | None, *, thinks: bool, ends: bool) -> Any:
        config = copy(renderer.vllm.config)
        config.reasoning_config = ReasoningConfig(reasoning_start_str="<think>", reasoning_end_str="</think>")
        if ends:
            config.reasoning_config.initialize_token_ids(config.model_config)
        held = Parsing(config, renderer.vllm.tokenizer, "hermes", reasoning, renderer.write)
        chat = Chat(ASKED, {"enable_thinking": thinks}, TOOLS, "auto", thinking_budget=7)
        return held.prepare(chat, [1], None).more["params"].get("thinking_token_budget")

    assert budget("deepseek_r1", thinks=True, ends=True) == 7
    assert budget("deepseek_r1", thinks=True, ends=False) is None
    assert budget("deepseek_r1", thinks=False, ends=True) is None
    assert budget(None, thinks=True, ends=True) is None
