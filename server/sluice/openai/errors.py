"""OpenAI's error object."""

from sluice.transport.sse import to_json
from sluice.wire.endpoint import Problem


def encode_error(problem: Problem) -> bytes:
    """As JSON; `transport.sse.event` makes an SSE event of it."""
    fields = {"message": problem.message, "type": problem.type, "param": problem.param, "code": problem.code}
    return to_json({"error": fields})
