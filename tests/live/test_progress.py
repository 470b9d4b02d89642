"""How far a start has come, and how long it will take, if one like it has been there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sluice.app import create_app
from sluice.engine.base import Loading
from sluice.lifecycle import Lifecycle
from sluice.settings import Settings
from sluice.telemetry.starts import Start, Starts
from tests.fake import FakeEngine

STAGES = ("fetching", "weights", "warming up")


@asynccontextmanager
async def starting(starts: Starts | None) -> AsyncIterator[tuple[Lifecycle, FakeEngine]]:
    """A server that is at its first stage, until its engine is `loaded`."""
    engine = FakeEngine()
    engine.loaded.clear()
    app = create_app(Settings(), engine, starts=starts)
    lifecycle: Lifecycle = app.state.lifecycle
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(10):
            while lifecycle.progress() is None:  # noqa: ASYNC110 (nobody is told)
                await asyncio.sleep(0)
        yield lifecycle, engine
    assert lifecycle.phase == "stopped"


async def test_what_the_first_start_took_is_what_the_second_expects(tmp_path: Path) -> None:
    starts = Starts(tmp_path, "demo")
    async with starting(starts) as (lifecycle, engine):
        first = lifecycle.progress()
        assert first is not None
        assert (first.expected_seconds, first.expected_part) == (None, None)
        engine.loaded.set()
        async with asyncio.timeout(10):
            while starts.last() is None:  # noqa: ASYNC110 (nobody is told)
                await asyncio.sleep(0.01)
    kept = starts.last()
    assert kept is not None
    assert kept.seconds >= kept.stages[0] >= 0
    async with starting(starts) as (lifecycle, _):
        second = lifecycle.progress()
        assert second is not None
        assert second.expected_seconds == round(kept.seconds, 1)


async def test_a_stage_tells_which_part_of_the_last_start_it_began_at(tmp_path: Path) -> None:
    starts = Starts(tmp_path, "demo")
    starts.keep(Start(50, [0, 10, 40]))
    async with starting(starts) as (lifecycle, _):
        for step, part in ((1, 0.0), (2, 0.2), (3, 0.8)):
            lifecycle.report(Loading(STAGES, step, 0.5))
            progress = lifecycle.progress()
            assert progress is not None
            assert (progress.stage, progress.expected_part, progress.part) == (STAGES[step - 1], part, 0.5)


async def test_stages_that_are_skipped_or_told_twice_count_once(tmp_path: Path) -> None:
    async with starting(Starts(tmp_path, "demo")) as (lifecycle, _):
        lifecycle.stages.clear()
        for step, part in ((1, None), (3, 0.1), (3, 0.9)):
            lifecycle.report(Loading(STAGES, step, part))
        assert len(lifecycle.stages) == len(STAGES)
