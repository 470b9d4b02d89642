"""Answers that are made again from the start, because nothing less would give the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluice.errors import EngineDied

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams


def would_be_the_same(params: "SamplingParams") -> bool:
    """Whether an answer made again is the same one: a greedy one is, and one with a seed."""
    from vllm.sampling_params import SamplingType

    kind: SamplingType = params.sampling_type
    return kind is not SamplingType.RANDOM


class Told:
    """The tokens of an answer that its receiver knows, as they are made again."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = list(tokens)
        self.made = 0

    @property
    def is_over(self) -> bool:
        return self.made == len(self.tokens)

    def count(self, new: Sequence[int]) -> int:
        """How many of the next tokens it knows. Raises EngineDied if they are others: the answer is lost."""
        number = min(len(new), len(self.tokens) - self.made)
        if list(new[:number]) != self.tokens[self.made : self.made + number]:
            raise EngineDied
        self.made += number
        return number
