"""The one table from errors to HTTP: status and OpenAI's `type`."""

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluice.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Disconnected,
    EngineFailed,
    Expired,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    RateLimited,
    RequestError,
    Unauthorized,
    Unavailable,
)
from sluice.openai.errors import error_body

TABLE: dict[type[RequestError], tuple[int, str]] = {
    InvalidRequest: (400, "invalid_request_error"),
    Unauthorized: (401, "authentication_error"),
    Forbidden: (403, "permission_error"),
    NotFound: (404, "not_found_error"),
    MethodNotAllowed: (405, "not_found_error"),
    BodyTooSlow: (408, "invalid_request_error"),
    BodyTooLarge: (413, "invalid_request_error"),
    Overloaded: (429, "overloaded_error"),
    RateLimited: (429, "rate_limit_error"),
    Disconnected: (499, "invalid_request_error"),  # nginx's number; nobody is there to read it
    EngineFailed: (500, "server_error"),
    Expired: (503, "overloaded_error"),
    Unavailable: (503, "service_unavailable_error"),
}


Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


def status_and_type(error: RequestError) -> tuple[int, str]:
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def to_body(error: RequestError) -> bytes:
    """OpenAI's error object, as JSON."""
    return error_body(error.message, status_and_type(error)[1], error.param, error.code)


def to_answer(error: RequestError) -> Answer:
    headers = {"content-type": "application/json"}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
        headers["retry-after-ms"] = str(round(error.retry_after * 1000))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    return status_and_type(error)[0], headers, to_body(error)


def internal_error() -> Answer:
    """A mistake of ours; the server's log has the traceback."""
    body = error_body("Internal server error.", "server_error", None, None)
    return 500, {"content-type": "application/json"}, body


def to_response(answer: Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers)


async def not_found(request: Request, _: Exception) -> Response:
    error = NotFound(f"There is no {request.method} {request.scope['path']}.", code="not_found")
    return to_response(to_answer(error))


async def method_not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, methods = request.scope["path"], dict(error.headers or {})
    refusal = MethodNotAllowed(f"{path} takes no {request.method}.", code="method_not_allowed")
    status, headers, body = to_answer(refusal)
    return to_response((status, headers | methods, body))


async def refused(request: Request, error: Exception) -> Response:
    """What a route raises: a RequestError."""
    assert isinstance(error, RequestError)
    return to_response(to_answer(error))


async def broken(request: Request, _: Exception) -> Response:
    return to_response(internal_error())
