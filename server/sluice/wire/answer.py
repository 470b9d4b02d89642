"""What the objects that are sent have in common."""

import msgspec

from sluice.transport.sse import to_json


class Answer(msgspec.Struct):
    """An object in an answer. Null is sent; what is UNSET is left out."""

    def encode(self) -> bytes:
        return to_json(self)
