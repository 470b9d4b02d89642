"""Anthropic's error object."""

from sluice.transport.sse import to_json
from sluice.wire.endpoint import Problem

TYPES = {"service_unavailable_error": "overloaded_error", "server_error": "api_error"}
"""Its words, where OpenAI's are others."""
TOO_LARGE = 413


def encode_error(problem: Problem) -> bytes:
    """As JSON. It has no place for the name of a field, so that the message ends with it where it is not in it.

    The code is where the newest clients look for one.
    """
    kind = "request_too_large" if problem.status == TOO_LARGE else TYPES.get(problem.type, problem.type)
    message = problem.message
    if problem.param is not None and problem.param not in message:
        message = f"{message} ({problem.param})"
    error: dict[str, object] = {"type": kind, "message": message}
    if problem.code is not None:
        error["details"] = {"error_code": problem.code}
    return to_json({"type": "error", "error": error})
