"""OpenAI's error object."""

from sluice.transport.sse import to_json


def error_body(message: str, kind: str, param: str | None, code: str | None) -> bytes:
    """As JSON, `kind` being its `type`; `streaming.frames.event` makes an SSE event of it."""
    return to_json({"error": {"message": message, "type": kind, "param": param, "code": code}})
