"""The one table from errors to HTTP: status and OpenAI's `type`."""

import math
from collections.abc import Callable, Collection, Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from sluice.api.endpoints import ENDPOINTS
from sluice.engine.base import Task
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
    UnsupportedMedia,
    quoted,
)
from sluice.openai.errors import encode_error
from sluice.transport.path import canonical_path
from sluice.wire.endpoint import Problem

TABLE: dict[type[RequestError], tuple[int, str]] = {
    InvalidRequest: (400, "invalid_request_error"),
    Unauthorized: (401, "authentication_error"),
    Forbidden: (403, "permission_error"),
    NotFound: (404, "not_found_error"),
    MethodNotAllowed: (405, "not_found_error"),
    BodyTooSlow: (408, "invalid_request_error"),
    BodyTooLarge: (413, "invalid_request_error"),
    UnsupportedMedia: (415, "invalid_request_error"),
    Overloaded: (429, "overloaded_error"),
    RateLimited: (429, "rate_limit_error"),
    Disconnected: (499, "invalid_request_error"),  # nginx's number; nobody is there to read it
    EngineFailed: (500, "server_error"),
    Expired: (503, "overloaded_error"),
    Unavailable: (503, "service_unavailable_error"),
}

PLACES: dict[Task, str] = {
    "generate": "/v1/chat/completions", "embed": "/v1/embeddings", "score": "/v1/score and /v1/rerank"
}  # fmt: skip
"""Where a model is asked for what it does."""

LONGEST_MESSAGE = 500
"""Characters. Ours are shorter; others' may tell all that was sent."""

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""
ErrorEncoder = Callable[[Problem], bytes]
"""Gives an error the form that an API has for it."""


def form_at(path: str) -> ErrorEncoder:
    """The form that errors have at and below the path of an endpoint; OpenAI's everywhere else."""
    for endpoint in ENDPOINTS:
        if path == endpoint.path or path.startswith(f"{endpoint.path}/"):
            return endpoint.encode_error
    return encode_error


def form_for(scope: Scope) -> ErrorEncoder:
    return form_at(canonical_path(scope).removeprefix(scope.get("root_path", "")))


def to_problem(error: RequestError) -> Problem:
    status, kind = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    return Problem(status, kind, error.message[:LONGEST_MESSAGE], error.param, error.code)


def to_reply(error: RequestError, encode: ErrorEncoder) -> Reply:
    problem, headers = to_problem(error), {"content-type": "application/json"}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
        headers["retry-after-ms"] = str(round(error.retry_after * 1000))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    return problem.status, headers, encode(problem)


def no_model(name: str, names: Iterable[str]) -> NotFound:
    return NotFound(
        f"There is no model {quoted(name)}; this server has {', '.join(names)}.", code="model_not_found", param="model"
    )


def no_task(path: str, task: Task, name: str, tasks: Collection[str]) -> InvalidRequest:
    """The model is there for something else: `tasks`."""
    own = {each: place for each, place in PLACES.items() if each in tasks}
    there = f"; {name} is there to {' and '.join(own)}, at {', '.join(own.values())}" if own else ""
    way = ", or have vLLM embed with this one: engine.extra: {runner: pooling}" if task == "embed" else ""
    return InvalidRequest(f"{path} is for models that {task}{there}. Serve one that does{way}.", param="model")


def internal_error(encode: ErrorEncoder) -> Reply:
    """A mistake of ours; the server's log has the traceback."""
    problem = Problem(500, "server_error", "Internal server error.")
    return problem.status, {"content-type": "application/json"}, encode(problem)


def to_response(reply: Reply) -> Response:
    status, headers, body = reply
    return Response(body, status, headers)


async def not_found(request: Request, _: Exception) -> Response:
    error = NotFound(f"There is no {request.method} {quoted(request.scope['path'])}.", code="not_found")
    return to_response(to_reply(error, form_for(request.scope)))


async def method_not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    methods = (error.headers or {})["Allow"]
    if "GET" in methods and "HEAD" not in methods:
        methods = f"{methods}, HEAD"  # a HEAD is served as the GET
    refusal = MethodNotAllowed(f"{quoted(request.scope['path'])} takes no {request.method}.", code="method_not_allowed")
    status, headers, body = to_reply(refusal, form_for(request.scope))
    return to_response((status, headers | {"allow": methods}, body))


async def refused(request: Request, error: Exception) -> Response:
    """What a route raises: a RequestError."""
    assert isinstance(error, RequestError)
    return to_response(to_reply(error, form_for(request.scope)))


async def broken(request: Request, _: Exception) -> Response:
    return to_response(internal_error(form_for(request.scope)))
