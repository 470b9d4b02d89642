"""OpenAI's error object."""

from server.streaming.frames import to_json


def error_body(message: str, type: str, param: str | None, code: str | None) -> bytes:  # noqa: A002
    """As JSON; `streaming.frames.event` makes an SSE event of it."""
    return to_json({"error": {"message": message, "type": type, "param": param, "code": code}})
