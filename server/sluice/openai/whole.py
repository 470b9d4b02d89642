"""An answer that is not streamed, in pieces: what is long in it has been made into JSON while it came."""

from collections.abc import Iterable, Iterator, Sequence

from sluice.wire.answer import Answer
from sluice.wire.collected import CollectedDeltas

NO_CHOICES, NO_LOGPROBS = b'"choices":[]', b'"logprobs":null'
"""No text has these in it: there a quote stands behind a backslash."""


def whole(
    answer: Answer, choices: Iterable[Answer], sequences: Sequence[CollectedDeltas]
) -> Iterator[bytes | bytearray]:
    """`answer` without its choices, and each of them without its sequence's logprobs."""
    head, tail = answer.encode().split(NO_CHOICES)
    yield head + b'"choices":['
    for index, (choice, sequence) in enumerate(zip(choices, sequences, strict=True)):
        if index:
            yield b","
        encoded = choice.encode()
        if sequence.logprobs is None:
            yield encoded
        else:
            before, after = encoded.split(NO_LOGPROBS)
            yield before + b'"logprobs":'
            yield from sequence.logprobs.pieces()
            yield after
    yield b"]" + tail
