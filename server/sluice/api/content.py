"""What a request's headers say of its body: that it is JSON, how it is packed, and that no other site's page sends it.

A page of another site may send what it likes to whatever the user's browser can reach, but for a body that says it is
JSON: before that the browser asks, and only `http.cors_origins`, or a layer for CORS in front, says yes. So a body that
says anything else is refused, and one that says nothing, if it comes from a page at all.
"""

import re
import zlib

from sluice.errors import BodyTooLarge, Forbidden, InvalidRequest, UnsupportedMedia, quoted
from sluice.transport.base import Headers

JSON = re.compile(rb"application/(?:[\w.-]+\+)?json", re.IGNORECASE)
CHARSET = re.compile(rb"charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
UTF8 = {b"utf-8", b"utf8", b"us-ascii"}
"""The last is a part of it."""
PACKED = {b"gzip": zlib.MAX_WBITS | 16, b"x-gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}
"""zlib's word for each Content-Encoding that is read."""


def check_content(headers: Headers) -> bytes:
    """How the body is packed: a key of PACKED, or nothing. Raises UnsupportedMedia."""
    kind, packed, is_from_a_page = None, b"", False
    for name, value in headers:
        if name == b"content-type":
            kind = value
            check_type(value)
        elif name == b"content-encoding":
            packed = b", ".join(filter(None, (packed, value.strip().lower())))
        elif name == b"origin":
            is_from_a_page = True
    if kind is None and is_from_a_page:
        raise UnsupportedMedia("Say what the body is: Content-Type: application/json.")
    if packed in {b"", b"identity"}:
        return b""
    if packed not in PACKED:
        raise UnsupportedMedia(f"Content-Encoding {quoted(packed.decode('latin-1'))}: gzip, deflate or none is read.")
    return packed


def check_type(value: bytes) -> None:
    """Of a Content-Type. Raises UnsupportedMedia."""
    if value == b"application/json":
        return
    kind, _, parameters = value.partition(b";")
    if not JSON.fullmatch(kind.strip()):
        said = quoted(value.decode("latin-1"))
        raise UnsupportedMedia(f"The body should be JSON (Content-Type: application/json), not {said}.")
    charset = CHARSET.search(parameters)
    if charset and charset[1].lower() not in UTF8:
        raise UnsupportedMedia(f"The body should be in UTF-8, not {quoted(charset[1].decode('latin-1'))}.")


def check_site(headers: Headers) -> None:
    """For a server with no layer for CORS in front. Raises Forbidden for what another site's page sends."""
    if (b"sec-fetch-site", b"cross-site") in headers:
        raise Forbidden("Pages of this site may not use this server (http.cors_origins).", code="cross_site")


def unpack(body: bytes, packed: bytes, limit: int) -> bytes:
    """What is in it; no more than `limit` bytes are ever made. Raises InvalidRequest or BodyTooLarge."""
    bits = PACKED[packed]
    if packed == b"deflate" and not is_zlib(body):
        bits = -zlib.MAX_WBITS  # some clients send it without zlib's head and tail
    unpacking = zlib.decompressobj(bits)
    try:
        content = unpacking.decompress(body, limit + 1)
    except zlib.error:
        raise InvalidRequest(f"The body is not {packed.decode()}, as its Content-Encoding says.") from None
    if len(content) > limit:
        raise BodyTooLarge(f"The body is longer than {limit} bytes when it is unpacked (http.max_body_bytes).")
    if not unpacking.eof:
        raise InvalidRequest(f"The body ends before its {packed.decode()} data do.")
    if unpacking.unused_data:
        raise InvalidRequest(f"The body goes on after its {packed.decode()} data.")
    return content


def is_zlib(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 15 == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
