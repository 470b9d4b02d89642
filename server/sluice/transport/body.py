"""The body of a request, as its head has announced it. What is taken of it is no longer among what was received."""

import re
from typing import Protocol

from sluice.transport.head import HEAD_BYTES, Malformed

LINE_BYTES = 8 * 1024
"""Longest line between chunks: a size with its extensions, or a trailer."""
CHUNKS_A_TURN = 1000
"""Some 2 ms: a chunk may be a single byte."""
SIZE = re.compile(rb"([0-9a-fA-F]{1,15})(?:[ \t]*;[^\r\n]*)?\r\n")
TRAILER = re.compile(rb"[^\r\n]+\r\n")


class Body(Protocol):
    is_complete: bool

    def take(self, received: bytearray) -> bytearray:
        """What there is of it; call again if there is more. Raises Malformed."""


class SizedBody:
    """`missing`: bytes that have not come yet."""

    def __init__(self, length: int) -> None:
        self.missing = length
        self.is_complete = False

    def take(self, received: bytearray) -> bytearray:
        piece = received[: self.missing]
        del received[: len(piece)]
        self.missing -= len(piece)
        self.is_complete = self.missing == 0
        return piece


class ChunkedBody:
    """`missing`: bytes of the chunk that have not come yet. Extensions and trailers are read, and dropped."""

    def __init__(self) -> None:
        self.missing = self.trailer_bytes = 0
        self.is_complete = self.has_ended = self.is_after_data = False

    def take(self, received: bytearray) -> bytearray:
        piece, at = bytearray(), 0
        for _ in range(CHUNKS_A_TURN):
            if self.missing:
                data = received[at : at + self.missing]
                piece += data
                at += len(data)
                self.missing -= len(data)
                self.is_after_data = True
            line = None if self.missing else next_line(received, at)
            if line is None:
                break
            at += len(line)
            self.read_line(line)
            if self.is_complete:
                break
        del received[:at]
        return piece

    def read_line(self, line: bytearray) -> None:
        if self.is_after_data:
            if line != b"\r\n":
                raise Malformed(400, "A chunk is longer than it says.")
            self.is_after_data = False
        elif not self.has_ended:
            size = SIZE.fullmatch(line)
            if size is None:
                raise Malformed(400, "A chunk's size is not a hexadecimal number.")
            self.missing = int(size[1], 16)
            self.has_ended = self.missing == 0
        elif line == b"\r\n":
            self.is_complete = True
        else:
            self.trailer_bytes += len(line)
            if self.trailer_bytes > HEAD_BYTES:
                raise Malformed(431, f"The trailers are longer than {HEAD_BYTES} bytes.")
            if not TRAILER.fullmatch(line):
                raise Malformed(400, "A trailer does not end with CR LF.")


def next_line(received: bytearray, at: int) -> bytearray | None:
    """None if it has not all come."""
    end = received.find(b"\n", at, at + LINE_BYTES)
    if end >= 0:
        return received[at : end + 1]
    if len(received) - at >= LINE_BYTES:
        raise Malformed(431, f"A line between chunks is longer than {LINE_BYTES} bytes.")
    return None
