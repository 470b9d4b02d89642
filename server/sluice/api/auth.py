"""The API key that a request carries."""

from collections.abc import Iterable


def api_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """From `Authorization: Bearer KEY`, or else `x-api-key: KEY`; the headers are ASGI's, their names in lower case."""
    other = None
    for name, value in headers:
        scheme, _, credentials = value.strip().partition(b" ")
        if name == b"authorization" and scheme.lower() == b"bearer" and credentials.strip():
            return text(credentials)
        if name == b"x-api-key" and value.strip():
            other = other or text(value)
    return other


def text(value: bytes) -> str:
    return value.strip().decode(errors="surrogateescape")
