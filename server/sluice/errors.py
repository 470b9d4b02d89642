"""Everything that can go wrong, as the rooms see it; `api/errors.py` alone knows which HTTP status each one gets.

SluiceError
├── SettingsError            a mistake in the settings: exit 2 (3 lines of text at most, the key is named)
├── ServerFailed             a server that a command asks does not answer as it should: exit 1, one line
├── BenchFailed              the bench cannot measure this server: exit 1, one line
└── RequestError             ends one request; the server goes on
    ├── InvalidRequest       the client can mend it
    │   ├── ContextLengthExceeded
    │   └── UnsupportedMedia  its body is not JSON, or is packed in a way that is not known
    ├── Unauthorized         no key, or a wrong one
    ├── Forbidden            a known key that may not do this, or another site's page
    ├── NotFound             no such route or model
    │   └── MethodNotAllowed
    ├── BodyTooLarge, BodyTooSlow
    ├── Overloaded           every seat is taken, or too much waits already
    ├── RateLimited          a tenant's own limit is reached
    ├── Expired              its time was up
    ├── Unavailable          starting, draining, stalled, failed
    │   └── EngineDied       its processes have ended
    ├── Disconnected         the client has gone; nobody reads the answer
    └── EngineFailed         the engine broke under it
"""

import re
from typing import Literal

ENGINE_DIED_RETRY_S = 5.0
"""When another server may be there, or this one again: whoever supervises it has to start it anew."""
SHOWN_CHARACTERS = 200
"""Of a text that is not ours, in a message of ours."""
KEY = re.compile(r"\bsk-[\w-]+")
Outcome = Literal["finished", "aborted", "expired", "rejected", "failed"]


class SluiceError(Exception):
    """Root of the tree; `str()` is one line for people."""


class SettingsError(SluiceError):
    """The settings cannot be used; the message names the key and where it was set."""


class ServerFailed(SluiceError):
    """A server that is asked from the command line cannot be reached, or refuses; the message says why."""


class BenchFailed(SluiceError):
    """Nothing can be measured; the message says why."""


class RequestError(SluiceError):
    """Ends one request. `code` and `param` are OpenAI's; `retry_after` is in seconds.

    `outcome`: what its sequences are booked as, if it had a seat. `rejected` is the client's mistake, or a limit that
    was reached; `failed` ours or the engine's alone.
    """

    outcome: Outcome = "failed"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.param, self.retry_after = message, code, param, retry_after


class InvalidRequest(RequestError):
    """The request is not one that can be served; `param` names the field."""

    outcome: Outcome = "rejected"


class ContextLengthExceeded(InvalidRequest):
    """The prompt and `max_tokens` do not fit into the model's context."""


class UnsupportedMedia(InvalidRequest):
    """The body's Content-Type or Content-Encoding is none that is read."""


class Unauthorized(RequestError):
    """A key is needed, and this is none of those that would do."""

    outcome: Outcome = "rejected"


class Forbidden(RequestError):
    """The key is a tenant's, and an operator's is needed; or it is a page of another site that asks."""

    outcome: Outcome = "rejected"


class NotFound(RequestError):
    """No such model or route."""

    outcome: Outcome = "rejected"


class MethodNotAllowed(NotFound):
    """There is such a route, for other methods."""


class BodyTooLarge(RequestError):
    """The body is longer than `http.max_body_bytes`."""

    outcome: Outcome = "rejected"


class BodyTooSlow(RequestError):
    """The body took longer than `http.body_timeout`."""

    outcome: Outcome = "rejected"


class Overloaded(RequestError):
    """There is no room for it; `code` is the limit."""

    outcome: Outcome = "rejected"


class RateLimited(RequestError):
    """A tenant has reached a limit of its own; `code` is the limit's name."""

    outcome: Outcome = "rejected"


class Expired(RequestError):
    """The request's time was up before its answer was complete; `code` is the limit."""

    outcome: Outcome = "expired"


class Unavailable(RequestError):
    """The server is not in the phase `ready`, and `code` is the phase, or `stalled`; or no connection is free."""


class EngineDied(Unavailable):
    """The engine's processes have ended by themselves, and whatever was in them is lost; the phase will be `failed`."""

    def __init__(self) -> None:
        super().__init__("The engine died.", code="failed", retry_after=ENGINE_DIED_RETRY_S)


class Disconnected(RequestError):
    """The client closed the connection."""

    outcome: Outcome = "aborted"


class EngineFailed(RequestError):
    """The engine ended the sequence with an error, or died."""


def one_line(error: BaseException) -> str:
    """What a foreign error says, for a message of ours."""
    return " ".join(str(error).split()) or type(error).__name__


def quoted(text: str) -> str:
    """What a client wrote, for a message of ours; only its beginning, if it is long."""
    return repr(text[:SHOWN_CHARACTERS])[:SHOWN_CHARACTERS]


def shown(text: str) -> str:
    """Of a text that may be anything, what a message may repeat: one line, no API key."""
    line = KEY.sub("sk-…", " ".join(text.split()))
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"
