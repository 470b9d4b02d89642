"""Where a request's key may be, and how its refusal looks."""

import json

import pytest

from sluice.api.auth import api_key
from sluice.api.errors import to_reply, to_response
from sluice.errors import RateLimited, Unauthorized
from sluice.openai.errors import encode_error


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([(b"authorization", b"Bearer sk-1")], "sk-1"),
        ([(b"authorization", b"bEARER   sk-1 ")], "sk-1"),
        ([(b"x-api-key", b" sk-2 ")], "sk-2"),
        ([(b"host", b"x"), (b"x-api-key", b"sk-2"), (b"authorization", b"Bearer sk-1")], "sk-1"),
        ([(b"authorization", b"Basic sk-1"), (b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"authorization", b"Bearer "), (b"x-api-key", b"sk-2")], "sk-2"),
        ([(b"authorization", b"sk-1")], None),
        ([(b"authorization", b"Bearersk-1")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"x-api-key", b"")], None),
        ([(b"authorization", "Bearer schlüssel".encode())], "schlüssel"),
        ([(b"authorization", b"Bearer \xff")], "\udcff"),
    ],
)
def test_the_key_of_a_request(headers: list[tuple[bytes, bytes]], key: str | None) -> None:
    assert api_key(headers) == key


def test_how_refusals_look() -> None:
    stranger = to_response(to_reply(Unauthorized("Who?", code="invalid_api_key"), encode_error))
    assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(bytes(stranger.body))["error"] == {
        "message": "Who?", "type": "authentication_error", "param": None, "code": "invalid_api_key",
    }  # fmt: skip
    limited = to_response(to_reply(RateLimited("Slow.", code="tokens_per_minute", retry_after=7), encode_error))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert json.loads(bytes(limited.body))["error"]["type"] == "rate_limit_error"
    assert "www-authenticate" not in limited.headers
