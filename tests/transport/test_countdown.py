"""Many who wait, one timer."""

import pytest

from sluice.transport.countdown import AT_ONCE, Countdown
from tests.virtual import VirtualLoop


class Waiter:
    def __init__(self, loop: VirtualLoop, name: int, cut: list[tuple[float, int]]) -> None:
        self.loop, self.name, self.told = loop, name, cut

    def cut(self) -> None:
        self.told.append((self.loop.time(), self.name))


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_each_has_its_own_time(loop: VirtualLoop) -> None:
    cut = list[tuple[float, int]]()
    waiters, countdown = [Waiter(loop, name, cut) for name in range(4)], Countdown(10)

    async def go() -> None:
        for waiter in waiters[:3]:
            countdown.add(waiter)
        assert countdown.waited() == 0

    loop.run_until_complete(go())
    loop.advance(4)

    async def change() -> None:
        assert countdown.waited() == 4
        countdown.discard(waiters[0])
        countdown.discard(waiters[0])
        countdown.discard(waiters[2])
        countdown.add(waiters[2])  # again, and behind
        countdown.add(waiters[3])

    loop.run_until_complete(change())
    loop.advance(100)
    assert cut == [(10, 1), (14, 2), (14, 3)]
    assert countdown.timer is None
    loop.run_until_complete(change_again(countdown, waiters[0]))
    loop.advance(10)
    assert cut[3:] == [(loop.time(), 0)]
    loop.close()


async def change_again(countdown: Countdown, waiter: Waiter) -> None:
    countdown.add(waiter)


def test_a_crowd_is_cut_a_few_at_a_time(loop: VirtualLoop) -> None:
    cut, countdown = list[tuple[float, int]](), Countdown(10)

    async def go() -> None:
        for name in range(3 * AT_ONCE):
            countdown.add(Waiter(loop, name, cut))
        assert countdown.cut_first()
        countdown.finish()
        assert len(cut) == 1 + AT_ONCE

    loop.run_until_complete(go())
    loop.settle()
    assert [name for _, name in cut] == list(range(3 * AT_ONCE))
    assert not countdown.cut_first()
    loop.close()
