"""An answer that is not streamed, in pieces: what is long in it has been made into JSON while it came."""

from collections.abc import Iterable, Iterator, Sequence

from sluice.openai.logprobs import prompt_pieces
from sluice.wire.answer import Answer
from sluice.wire.collected import CollectedDeltas

NO_CHOICES, NO_LOGPROBS, NO_PROMPT_LOGPROBS = b'"choices":[]', b'"logprobs":null', b'"prompt_logprobs":null'
"""No text has these in it: there a quote stands behind a backslash."""


def whole(
    answer: Answer, choices: Iterable[Answer], sequences: Sequence[CollectedDeltas]
) -> Iterator[bytes | bytearray]:
    """`answer` without its choices, and each of them without its sequence's logprobs and those of its prompt."""
    head, tail = answer.encode().split(NO_CHOICES)
    yield head + b'"choices":['
    for index, (choice, sequence) in enumerate(zip(choices, sequences, strict=True)):
        if index:
            yield b","
        yield from filled(choice.encode(), sequence)
    yield b"]"
    yield from with_prompt(tail, sequences[0])


def filled(choice: bytes, sequence: CollectedDeltas) -> Iterator[bytes | bytearray]:
    if sequence.logprobs is not None:
        before, choice = choice.split(NO_LOGPROBS)
        yield before + b'"logprobs":'
        yield from sequence.logprobs.pieces()
    yield from with_prompt(choice, sequence)


def with_prompt(encoded: bytes, sequence: CollectedDeltas) -> Iterator[bytes]:
    if sequence.scored is not None and NO_PROMPT_LOGPROBS in encoded:
        before, encoded = encoded.split(NO_PROMPT_LOGPROBS)
        yield before + b'"prompt_logprobs":'
        yield from prompt_pieces(sequence.scored)
    yield encoded
