"""OpenAI's responses on the wire: the request."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from sluice.engine.base import Constraint, NamedTool, ToolChoice
from sluice.errors import InvalidRequest, quoted
from sluice.openai.responses.items import Input
from sluice.openai.responses.text import TextConfig
from sluice.openai.responses.tools import Choice, Tools
from sluice.openai.sampling import Count, GenerationBody
from sluice.settings import RequestClass
from sluice.wire.body import Dropped, Whole, WireModel, at_most, only
from sluice.wire.template_arguments import TemplateArguments

LOGPROBS = "message.output_text.logprobs"
Included = Literal[
    "message.output_text.logprobs", "reasoning.encrypted_content", "code_interpreter_call.outputs",
    "computer_call_output.output.image_url", "file_search_call.results", "message.input_image.image_url",
    "web_search_call.action.sources", "web_search_call.results",
]  # fmt: skip
"""The first of them is served; the others are of what no answer has."""
MOST_METADATA = 16
"""OpenAI's own limits, also those of its keys and values."""

EXAMPLE: dict[str, JsonValue] = {"model": "demo", "stream": True, "input": "Count from 1 to 9."}


def never(because: str, *neutral: object) -> AfterValidator:
    """As `only`, with a reason; null is neutral."""

    def check(value: object) -> object:
        if value is not None and not any(type(value) is type(each) and value == each for each in neutral):
            raise PydanticCustomError("never", because)
        return value

    return AfterValidator(check)


def moved(field: str) -> AfterValidator:
    """What it is called in the other API."""
    return never(f"In a response it is {field}")


NO_PLACE = "A response has no place for it"
NO_STORE = "Nothing is stored here; send the earlier items in input"


class ReasoningConfig(WireModel):
    """No summaries are made: the reasoning itself is told."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Dropped = None
    generate_summary: Dropped = None
    context: Dropped = None
    mode: Dropped = None


MetadataKey = Annotated[str, Field(max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class ResponsesRequest(GenerationBody):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    input: Input
    instructions: str | None = None
    max_output_tokens: Count | None = None
    include: Annotated[list[Included], Field(fail_fast=True), at_most(32)] = Field(default_factory=list)
    top_logprobs: Annotated[int, Field(ge=0, le=20), Whole] = 0
    reasoning: ReasoningConfig = ReasoningConfig()
    include_reasoning: bool = True
    chat_template_kwargs: TemplateArguments | None = None
    text: TextConfig = TextConfig()
    tools: Tools = Field(default_factory=list)
    tool_choice: Choice = None
    parallel_tool_calls: bool = True
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] = "auto"
    truncation: Literal["auto", "disabled"] = "disabled"

    metadata: Annotated[dict[MetadataKey, MetadataValue], at_most(MOST_METADATA)] = Field(default_factory=dict)
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    max_tool_calls: Annotated[int, Field(ge=1), Whole] | None = None
    access_programs: Dropped = None
    background_options: Dropped = None
    client_metadata: Dropped = None
    context_management: Dropped = None
    image: Dropped = None
    store: Dropped = None
    prompt_cache_options: Dropped = None
    prompt_cache_retention: Dropped = None

    # These are not served: only what changes nothing is accepted.
    background: Annotated[Any, never("A response is made while its client waits", False)] = None
    conversation: Annotated[Any, never(NO_STORE)] = None
    previous_response_id: Annotated[Any, never(NO_STORE)] = None
    prompt: Annotated[Any, never("No prompts are stored here; send the text in input")] = None
    moderation: Annotated[Any, only()] = None
    echo: Annotated[Any, never(NO_PLACE, False)] = False
    logprob_token_ids: Annotated[Any, never(NO_PLACE)] = None
    prompt_logprobs: Annotated[Any, never(NO_PLACE)] = None
    return_token_ids: Annotated[Any, never(NO_PLACE, False)] = False
    return_tokens_as_token_ids: Annotated[Any, never(NO_PLACE, False)] = False
    max_tokens: Annotated[Any, moved("max_output_tokens")] = None
    messages: Annotated[Any, moved("input")] = None
    n: Annotated[Any, never("A response is one answer", 1)] = 1
    reasoning_effort: Annotated[Any, moved("reasoning.effort")] = None
    response_format: Annotated[Any, moved("text.format")] = None

    @model_validator(mode="after")
    def tools_agree(self) -> Self:
        choice, names = self.tool_choice, {tool.name for tool in self.tools}
        if choice == "required" and not names:
            raise InvalidRequest("tool_choice needs a tool of type function in tools.", param="tool_choice")
        if isinstance(choice, NamedTool) and choice.name not in names:
            raise InvalidRequest(f"tool_choice: tools has no function {quoted(choice.name)}.", param="tool_choice")
        return self

    @property
    def chosen(self) -> ToolChoice:
        return (self.tool_choice or "auto") if self.tools else "none"

    @property
    def wants_logprobs(self) -> bool:
        return LOGPROBS in self.include

    @property
    def template_arguments(self) -> dict[str, Any]:
        told = dict(self.chat_template_kwargs or {})
        if self.reasoning.effort is not None:
            told.setdefault("reasoning_effort", self.reasoning.effort)
            told.setdefault("enable_thinking", self.reasoning.effort != "none")
        if self.input[-1].goes_on():
            told |= {"continue_final_message": True, "add_generation_prompt": False}
        return told

    def constraint(self) -> Constraint | None:
        """Raises InvalidRequest if there are several."""
        other, own = super().constraint(), self.text.constraint()
        if other is not None and own is not None:
            raise InvalidRequest("An answer is held to one thing; text.format is one already.", param="text.format")
        return own or other

    @property
    def limit(self) -> int | None:
        return self.max_output_tokens

    @property
    def request_class(self) -> RequestClass | None:
        return "batch" if self.service_tier == "flex" else None
