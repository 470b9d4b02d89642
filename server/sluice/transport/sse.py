"""Bytes of server-sent events."""

import msgspec

LINE_BREAKS = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}
"""U+0085, U+2028 and U+2029: no line breaks in SSE, but some clients (httpx's `iter_lines`) split lines there."""

to_json = msgspec.json.Encoder().encode


def event(data: bytes) -> bytes:
    """One event of one line; `data` is JSON without line breaks outside its strings, or a plain word."""
    return b"data: " + one_line(data) + b"\n\n"


def named_event(name: str, data: bytes) -> bytes:
    """One event with a name, as Anthropic's and OpenAI's Responses have them; `data` as in `event`."""
    return b"event: " + name.encode() + b"\n" + event(data)


def one_line(data: bytes) -> bytes:
    if not data.isascii():
        for raw, escaped in LINE_BREAKS.items():
            data = data.replace(raw, escaped)
    return data
