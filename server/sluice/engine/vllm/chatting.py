"""What would fail with the first chat, found before the weights are loaded: the parsers, and the chat template."""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sluice.errors import one_line, shown
from sluice.settings import Settings
from sluice.settings.section import Mistake

if TYPE_CHECKING:
    from vllm.config import VllmConfig

NO_TEMPLATE = "The model has no chat template: chats will be refused, completions work"
HELLO = [{"role": "user", "content": "Hello"}]


def check_chats(settings: Settings, config: "VllmConfig") -> str | None:
    """What a user should know, if there is something. Imports vLLM. Raises Mistake."""
    tools, reasoning = settings.parsers
    if config.model_config.skip_tokenizer_init or config.model_config.runner_type != "generate":
        return None
    from vllm.renderers import renderer_from_config
    from vllm.renderers.chat_utils import ChatTemplateResolutionError
    from vllm.renderers.params import ChatParams

    renderer = renderer_from_config(config)
    check_parsers(tools, reasoning, config, renderer.tokenizer)
    messages: Any = HELLO
    kwargs = {"add_generation_prompt": True, "tokenize": False}
    try:
        renderer.render_messages(messages, ChatParams(chat_template_kwargs=kwargs))
    except ChatTemplateResolutionError:
        return NO_TEMPLATE
    except Exception as error:  # a template may raise anything
        raise Mistake(f"its chat template cannot render a plain chat: {shown(one_line(error))}", "model") from error
    return None


def check_names(tools: str | None, reasoning: str | None) -> None:
    """Raises Mistake."""
    for mistake in unknown_parsers(tools, reasoning):
        raise mistake


def unknown_parsers(tools: str | None, reasoning: str | None) -> Iterator[Mistake]:
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    for key, name, known in (
        ("tool_call_parser", tools, ToolParserManager.list_registered()),
        ("reasoning_parser", reasoning, ReasoningParserManager.list_registered()),
    ):
        if name is not None and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ";"
            names = ", ".join(each for each in known if each not in close)
            yield Mistake(f"vLLM has no parser {shown(name)}{hint} It has {names}", "engine", key)


def check_parsers(tools: str | None, reasoning: str | None, config: "VllmConfig", tokenizer: Any) -> None:
    """Each by itself, and then both together. Raises Mistake."""
    from vllm.parser import ParserManager

    for key, *names in (
        ("tool_call_parser", tools, None), ("reasoning_parser", None, reasoning),
        ("tool_call_parser", tools, reasoning),
    ):  # fmt: skip
        try:
            ParserManager.get_parser(
                *names,
                enable_auto_tools=names[0] is not None,
                model_name=config.model_config.model,
                is_harmony=config.model_config.hf_config.model_type == "gpt_oss",
                tokenizer=tokenizer,
            )
        except TypeError as error:
            raise Mistake(f"vLLM: {shown(one_line(error))}", "engine", key) from error
