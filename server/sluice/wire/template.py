"""Events that are encoded once: templates for all answers of one form, and frames for the tokens of one answer."""

from typing import ClassVar

from sluice.transport.sse import one_line, to_json


class Frame:
    """An event with a place for a text, or more than one place for the same."""

    __slots__ = ("parts",)
    SLOT: ClassVar[str] = "\0text\0"

    def __init__(self, event: bytes) -> None:
        """`event` holds SLOT, as a JSON string; raises ValueError otherwise."""
        self.parts = event.split(to_json(self.SLOT))
        if len(self.parts) == 1:
            raise ValueError("the event has no place for a text")

    def fill(self, text: str) -> bytes:
        data = to_json(text)
        return (data if data.isascii() else one_line(data)).join(self.parts)


class EventTemplate:
    """An event with places for values, each of which is in it once."""

    def __init__(self, event: bytes, *slots: str | int) -> None:
        """`slots`: what stands in the places, in their order. Raises ValueError if one does not stand there once."""
        self.parts = list[bytes]()
        for slot in slots:
            before, event = event.split(to_json(slot))
            self.parts += before, b""
        self.parts.append(event)

    def fill(self, *values: bytes) -> bytes:
        """`values`: JSON, one for each place."""
        parts = self.parts.copy()
        parts[1::2] = values
        return b"".join(parts)
