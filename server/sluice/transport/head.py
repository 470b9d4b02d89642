"""The head of a request: where it ends, how long it may be, and what it says about the body.

The whole head is found first and parsed then, in one piece: what comes byte by byte costs no more than its bytes, and
no parser's state goes on into the body, which is read by what the head says, and by nothing else.
"""

import re

import httptools

from sluice.transport.base import Headers

HEAD_BYTES = 64 * 1024
"""Longest head: the request line and all headers."""
HEADERS_COUNT = 256
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host", b"connection", b"expect"})
END = re.compile(rb"\n\r?\n")
"""A bare line feed ends a line, too, so that it is found, and refused."""


class Malformed(Exception):
    """This is no HTTP, or none that is unambiguous; the connection ends with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Head:
    """One request's; names of headers are in lower case. Raises Malformed."""

    __slots__ = (
        "content_length", "expects_continue", "framing", "headers", "is_chunked", "is_complete", "keep_alive", "method",
        "url", "version",
    )  # fmt: skip

    def __init__(self, raw: bytes) -> None:
        if raw.count(b"\n") > HEADERS_COUNT + 2:
            raise Malformed(431, f"The request has more than {HEADERS_COUNT} headers.")
        self.headers: Headers = []
        self.framing: Headers = []
        self.url, self.is_complete = b"", False
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass  # as if it had not been asked for
        except httptools.HttpParserError as error:
            raise Malformed(400, f"This is not HTTP/1.1: {error}.") from None
        self.method = parser.get_method().decode()
        self.version = parser.get_http_version()
        if self.version not in {"1.0", "1.1"}:
            raise Malformed(505, f"HTTP/{self.version} is not spoken here; HTTP/1.1 is.")
        if not self.is_complete:
            raise Malformed(400, "This is not HTTP/1.1.")
        self.look_at_framing()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name in FRAMING:
            self.framing.append((name, value))

    def on_headers_complete(self) -> None:
        self.is_complete = True

    def look_at_framing(self) -> None:
        """What the headers say about connection and body. httptools has seen to it that lengths are numbers."""
        lengths, codings, hosts, connection = list[bytes](), list[bytes](), 0, b""
        self.expects_continue = False
        for name, value in self.framing:
            if name == b"content-length":
                lengths.append(value)
            elif name == b"transfer-encoding":
                codings.append(value)
            elif name == b"host":
                hosts += 1
            elif name == b"connection":
                connection += value.lower() + b","
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue" and self.version == "1.1"
        if len(lengths) + len(codings) > 1 or hosts > 1:
            raise Malformed(400, "Content-Length, Transfer-Encoding and Host are ambiguous.")
        if codings and codings[0].strip().lower() != b"chunked":
            raise Malformed(501, "The only Transfer-Encoding that is read is chunked.")
        if codings and self.version == "1.0":
            raise Malformed(400, "HTTP/1.0 has no Transfer-Encoding.")
        self.is_chunked = bool(codings)
        self.content_length = int(lengths[0]) if lengths else 0
        self.keep_alive = self.version == "1.1" and b"close" not in map(bytes.strip, connection.split(b","))


def end_of_head(received: bytearray, start: int) -> int | None:
    """Where it ends, None if not yet; it has been looked for up to `start`. Raises Malformed."""
    found = END.search(received, start, HEAD_BYTES)
    if found:
        return found.end()
    if len(received) >= HEAD_BYTES:
        if b"\n" in received[:HEAD_BYTES]:
            raise Malformed(431, f"The headers are longer than {HEAD_BYTES} bytes.")
        raise Malformed(414, f"The URL is longer than {HEAD_BYTES} bytes.")
    if not received[:1].isalpha():  # TLS, say, which would wait for an answer for ever
        raise Malformed(400, "This is not HTTP/1.1.")
    return None
