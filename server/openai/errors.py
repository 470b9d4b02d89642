"""OpenAI's error object."""

from server.openai.answer import Answer


class Error(Answer):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(Answer):
    error: Error


def error_body(message: str, type: str, param: str | None, code: str | None) -> bytes:  # noqa: A002
    """As JSON; `streaming.frames.event` makes an SSE event of it."""
    return ErrorBody(error=Error(message=message, type=type, param=param, code=code)).encode()
