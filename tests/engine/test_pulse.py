"""When the engine owes a step, and what is put into it where nobody else's work would show one."""

import pytest

from sluice.engine.base import AS_IT_IS, Constraint, Prompt, Receiver, Rendered, Sampling, Tokenizing
from sluice.engine.pulse import Pulse
from sluice.errors import EngineDied
from tests.fake import FakeEngine, FakeSequence


class Still(FakeEngine):
    """Steps when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.step_at = 99.0
        self.going.clear()

    def advance(self, seconds: float, step: bool = False) -> None:
        self.now += seconds
        if step:
            self.step_at = self.now


@pytest.fixture
def engine() -> Still:
    return Still()


@pytest.fixture
def pulse(engine: Still) -> Pulse:
    return Pulse(engine, lambda: engine.now)


async def test_without_work_no_step_is_owed(engine: Still, pulse: Pulse) -> None:
    for _ in range(3):
        await pulse.look(is_busy=False)
        engine.advance(1000)
    assert (pulse.silence(), engine.live) == (0, {})


async def test_it_counts_from_the_last_look_that_saw_a_step(engine: Still, pulse: Pulse) -> None:
    await pulse.look(is_busy=True)
    engine.advance(5, step=True)
    engine.advance(1)
    assert pulse.silence() == 0
    await pulse.look(is_busy=True)
    engine.advance(7)
    await pulse.look(is_busy=True)
    assert (pulse.silence(), engine.live) == (7, {}), "work that is there shows the next step itself"


async def test_where_work_has_gone_without_a_step_a_sequence_of_ours_waits_for_one(engine: Still, pulse: Pulse) -> None:
    await pulse.look(is_busy=True)
    for seconds in (10, 20):
        engine.advance(10)
        await pulse.look(is_busy=False)
        assert (pulse.silence(), len(engine.live)) == (seconds, 1)
    engine.advance(1, step=True)
    assert pulse.silence() == 0
    await pulse.look(is_busy=False)
    assert engine.live == {}
    engine.advance(1000)
    assert pulse.silence() == 0


async def test_it_leaves_nothing_in_the_engine(engine: Still, pulse: Pulse) -> None:
    await pulse.look(is_busy=True)
    await pulse.look(is_busy=False)
    pulse.stop()
    pulse.stop()
    assert engine.live == {}


class Refusing(Still):
    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        raise EngineDied


class Failing(Still):
    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> FakeSequence:
        sequence = super().submit(sequence_id, prompt, sampling, receiver, adapter)
        sequence.abort()
        receiver.fail(EngineDied())
        return sequence


@pytest.mark.parametrize("kind", [Refusing, Failing])
async def test_an_engine_that_does_not_take_it_is_asked_again(kind: type[Still]) -> None:
    engine = kind()
    pulse = Pulse(engine, lambda: engine.now)
    await pulse.look(is_busy=True)
    for _ in range(2):
        engine.advance(10)
        await pulse.look(is_busy=False)
    assert pulse.silence() == 20
