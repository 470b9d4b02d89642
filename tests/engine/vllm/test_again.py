"""An answer that is made again: what was told is told once, and another answer is none."""

import pytest

from sluice.engine.vllm.again import Told
from sluice.errors import EngineDied


def test_what_was_told_is_counted_however_it_comes() -> None:
    told = Told([1, 2, 3])
    assert [told.count(new) for new in ([1], [], [2, 3, 4], [5])] == [1, 0, 2, 0]
    assert told.is_over


@pytest.mark.parametrize("again", [[[2]], [[1], [3]], [[1, 2, 4]]], ids=str)
def test_another_answer_is_none(again: list[list[int]]) -> None:
    told = Told([1, 2, 3])
    with pytest.raises(EngineDied):
        list(map(told.count, again))
    assert not told.is_over
