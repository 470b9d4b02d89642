"""What tools, reasoning and constraints come to: vLLM's parsers, and what they and the request hold an answer to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.parser import ParserManager
from vllm.sampling_params import SamplingParams, StructuredOutputsParams

from sluice.engine.base import Chat, Constraint, NamedTool, Prompt, Rendered
from sluice.engine.vllm.reading import Kind, Reading
from sluice.engine.vllm.reason import brief
from sluice.engine.vllm.white_space import one_space
from sluice.errors import InvalidRequest

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.parser import Parser

SWITCHES = ("enable_thinking", "thinking")
"""What templates call the switch for reasoning."""
ASKING = [{"role": "user", "content": "1 2"}]


class Parsing:
    """`write`: renders a chat, for a look at what the template makes of its switches.

    Raises TypeError for parsers that do not go with the model, and says why.
    """

    def __init__(
        self, config: "VllmConfig", tokenizer: Any, tools: str | None, reasoning: str | None,
        write: Callable[[Chat], str | list[int]],
    ) -> None:  # fmt: skip
        self.config, self.tokenizer = config, tokenizer
        self.has_tools = tools is not None

        def compose(reasoning: str | None) -> "type[Parser] | None":
            found: type[Parser] | None = ParserManager.get_parser(
                tool_parser_name=tools,
                reasoning_parser_name=reasoning,
                enable_auto_tools=tools is not None,
                model_name=config.model_config.model,
                is_harmony=config.model_config.hf_config.model_type == "gpt_oss",
                tokenizer=tokenizer,
            )
            return found

        self.thinking_parser, self.plain_parser = compose(reasoning), compose(None)
        self.has_reasoning = reasoning is not None
        thoughts = getattr(config, "reasoning_config", None)
        self.has_budgets = bool(getattr(thoughts, "enabled", False))  # an older vLLM does not tell
        self.thinks_by_default = default_of_switches(write) if reasoning else False
        added = getattr(tokenizer, "added_tokens_decoder", ())
        self.special = {
            skips: {token: str(tokenizer.decode([token], skip_special_tokens=skips)) for token in added}
            for skips in (True, False)
        }

    def thinks(self, chat: Chat) -> bool:
        """Whether its answer may hold reasoning, by the request's word, else by the template's."""
        if not self.has_reasoning:
            return False
        told = [bool(chat.template_kwargs[switch]) for switch in SWITCHES if switch in chat.template_kwargs]
        return any(told) if told else self.thinks_by_default

    def needs(self, prompt: Prompt, constraint: Constraint | None) -> bool:
        """Whether there is anything to prepare."""
        if constraint is not None:
            return True
        return isinstance(prompt, Chat) and (has_calls(prompt) or self.thinks(prompt))

    def prepare(self, prompt: Prompt, tokens: list[int], constraint: Constraint | None) -> Rendered:
        """May take long. Raises InvalidRequest for tools or a constraint that can't be."""
        chat = prompt if isinstance(prompt, Chat) else Chat([])
        if has_calls(chat) and not self.has_tools:
            raise InvalidRequest("This server has no parser for tool calls (engine.tool_call_parser).", param="tools")
        thinks = self.thinks(chat)
        kind = self.thinking_parser if thinks else self.plain_parser if has_calls(chat) else None
        try:
            request = to_vllm(chat, constraint)
            parser = None if kind is None else self.make(kind, chat, request)
            if parser is not None:
                request = parser.adjust_request(request)
            more = self.held_to(request)
            more["reasoning_ended"] = request.resolve_reasoning_ended(parser, tokens) if thinks else True
        except (ValueError, VLLMClientError) as error:
            param = getattr(error, "parameter", None) or ("tools" if has_calls(chat) else "response_format")
            raise InvalidRequest(brief(error), param=param) from error
        if kind is None:
            return Rendered(tokens, None, more)
        if thinks:
            more["reasoning_parser_kwargs"] = {"chat_template_kwargs": chat.template_kwargs}
            if chat.thinking_budget is not None and self.has_budgets:
                more["params"]["thinking_token_budget"] = chat.thinking_budget
        assert parser is not None
        leads = self.leads(parser, request)
        at_first: Kind | None = None if thinks else "text"

        def reading() -> Reading:
            return Reading(
                lambda: self.make(kind, chat, request), request, tokens,
                leads=leads, special=self.special[request.skip_special_tokens], kind=at_first,
            )  # fmt: skip

        return Rendered(tokens, reading, more)

    def make(self, kind: "type[Parser]", chat: Chat, request: ChatCompletionRequest) -> "Parser":
        return kind(
            self.tokenizer, request.tools, chat_template_kwargs=chat.template_kwargs,
            model_config=self.config.model_config,
        )  # fmt: skip

    def held_to(self, request: ChatCompletionRequest) -> dict[str, Any]:
        """Of vLLM's sampling parameters, those that a parser or a constraint decides; tried before they are needed."""
        constraint = request.extract_structured_outputs()
        found: dict[str, Any] = {}
        if not request.skip_special_tokens:
            found["skip_special_tokens"] = False
        if not request.spaces_between_special_tokens:
            found["spaces_between_special_tokens"] = False
        if constraint is not None:
            params = SamplingParams(structured_outputs=constraint)
            config = self.config
            params.verify(config.model_config, None, config.structured_outputs_config, self.tokenizer)
            held = params.structured_outputs
            assert held is not None
            if held.structural_tag and config.structured_outputs_config.disable_any_whitespace:
                held.structural_tag = one_space(held.structural_tag)
            found["structured_outputs"] = held
        return {"params": found}

    def leads(self, parser: "Parser", request: ChatCompletionRequest) -> dict[Kind, frozenset[str]]:
        """With what a marker may begin: vLLM tells of many parsers what begins a call, of most what ends a thought."""
        found: dict[Kind, frozenset[str]] = {}
        reasoning, tools = parser.reasoning_parser, parser.tool_parser
        end = None if reasoning is None else reasoning.reasoning_end_str
        if end:
            found["reasoning"] = frozenset(end[0])
        if tools is None or request.tool_choice == "none" or not request.tools:
            found["text"] = frozenset()
        elif request.tool_choice == "auto" and (triggers := triggers_of(tools, request)):
            found["text"] = frozenset(trigger[0] for trigger in triggers)
        return found


def has_calls(chat: Chat) -> bool:
    return bool(chat.tools) and chat.tool_choice != "none"


def default_of_switches(write: Callable[[Chat], str | list[int]]) -> bool:
    """Whether a model that can think does so unless it is told not to; also where its template has no such switch."""
    for switch in SWITCHES:
        texts = [write(Chat(ASKING, kwargs)) for kwargs in ({}, {switch: True}, {switch: False})]
        if texts[1] != texts[2]:
            return texts[0] == texts[1]
    return True


def to_vllm(chat: Chat, constraint: Constraint | None) -> ChatCompletionRequest:
    """As vLLM's parsers want it. Raises ValueError."""
    choice: Any = chat.tool_choice
    forced = isinstance(choice, NamedTool) or choice == "required"
    if isinstance(choice, NamedTool):
        choice = {"type": "function", "function": {"name": choice.name}}
    # vLLM holds a call that has to be made to the tool's schema only if that says `strict`; users expect it always.
    tools = [tool | {"function": tool["function"] | {"strict": True}} for tool in chat.tools] if forced else chat.tools
    request = ChatCompletionRequest(
        messages=[], tools=tools or None, tool_choice=choice if tools else "none",
        parallel_tool_calls=chat.parallel_tool_calls, include_reasoning=chat.include_reasoning,
        chat_template_kwargs=chat.template_kwargs,
        structured_outputs=None if constraint is None
        else StructuredOutputsParams(**{constraint.kind: constraint.value}, **constraint.options),
    )  # fmt: skip
    request.messages = chat.messages
    return request


def triggers_of(tools: Any, request: ChatCompletionRequest) -> list[str]:
    """What begins a call, by the grammar that vLLM has for it."""
    from vllm.tool_parsers.tool_strict_level import ToolStrictLevel

    if tools.structural_tag_model is None:
        return []
    tag = tools.get_structural_tag(request, reasoning=False, strict_level=ToolStrictLevel.FUNCTION)
    return list(getattr(getattr(tag, "format", None), "triggers", ()))
