"""What vLLM and a chat template say to whoever has sent the request."""

import jinja2
from vllm.exceptions import VLLMClientError
from vllm.renderers.chat_utils import ChatTemplateResolutionError

from sluice.errors import one_line

LONGEST_REASON = 200  # characters; a template may repeat what the client has sent


def brief(error: BaseException) -> str:
    """What an error says, not all of it if it says much."""
    return one_line(error)[:LONGEST_REASON]


def reason(error: BaseException) -> str | None:
    """Why a prompt is refused, if that was written for clients; None for what has broken on its way.

    A template says it by `raise_exception`. vLLM puts everything that goes wrong in one into an error of its own.
    """
    if type(error) is jinja2.TemplateError:  # its subclasses are jinja's own mistakes
        return brief(error)
    if error.__cause__ is not None:
        return reason(error.__cause__)
    return brief(error) if isinstance(error, (VLLMClientError, ChatTemplateResolutionError)) else None
