"""Bytes of server-sent events: any event, and a frame for the many that differ in one text only."""

from typing import ClassVar

import msgspec

LINE_BREAKS = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}
"""U+0085, U+2028 and U+2029: no line breaks in SSE, but some clients (httpx's `iter_lines`) split lines there."""

to_json = msgspec.json.Encoder().encode


def event(data: bytes) -> bytes:
    """One event of one line; `data` is JSON without line breaks outside its strings, or a plain word."""
    return b"data: " + one_line(data) + b"\n\n"


def one_line(data: bytes) -> bytes:
    if not data.isascii():
        for raw, escaped in LINE_BREAKS.items():
            data = data.replace(raw, escaped)
    return data


class Frame:
    """An event with a place for a text."""

    __slots__ = ("head", "tail")
    SLOT: ClassVar[str] = "\0text\0"

    def __init__(self, event: bytes) -> None:
        """`event` holds SLOT, as a JSON string, exactly once; raises ValueError otherwise."""
        self.head, self.tail = event.split(to_json(self.SLOT))

    def fill(self, text: str) -> bytes:
        data = to_json(text)
        return self.head + (data if data.isascii() else one_line(data)) + self.tail


class EventTemplate:
    """An event with places for values, each of which is in it once."""

    def __init__(self, event: bytes, *slots: str | int) -> None:
        """`slots`: what stands in the places, in their order. Raises ValueError if one does not stand there once."""
        self.parts = list[bytes]()
        for slot in slots:
            before, event = event.split(to_json(slot))
            self.parts += before, b""
        self.parts.append(event)

    def cast(self, *values: bytes) -> bytes:
        """`values`: JSON, one for each place."""
        parts = self.parts.copy()
        parts[1::2] = values
        return b"".join(parts)
