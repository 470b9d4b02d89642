"""What a body tells the chat template: tools, arguments of its own, and how the prompt ends."""

from typing import Any, Self

from pydantic import Field, model_validator

from sluice.errors import InvalidRequest
from sluice.openai.tools import Tools
from sluice.wire.body import WireModel
from sluice.wire.template_arguments import TemplateArguments


class Templated(WireModel):
    chat_template_kwargs: TemplateArguments | None = None
    tools: Tools = Field(default_factory=list)
    add_generation_prompt: bool = True
    continue_final_message: bool = False

    @model_validator(mode="after")
    def ends_in_one_way(self) -> Self:
        if (
            self.continue_final_message
            and "add_generation_prompt" in self.model_fields_set
            and self.add_generation_prompt
        ):
            raise InvalidRequest(
                "continue_final_message and add_generation_prompt exclude each other.", param="continue_final_message"
            )
        return self

    @property
    def template_arguments(self) -> dict[str, Any]:
        """What the template is told, by fields of their own as well."""
        told = dict(self.chat_template_kwargs or {})
        if self.continue_final_message:
            told |= {"continue_final_message": True, "add_generation_prompt": False}
        elif not self.add_generation_prompt:
            told["add_generation_prompt"] = False
        return told
