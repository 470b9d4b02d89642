"""The direct way is taken if all of it is as it was written for, and else not; nothing of the probe stays behind."""

import sys
from typing import Any

import msgspec
import pytest
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.metrics.stats import RequestStateStats

from sluice.engine.base import Delta, Pace, Receiver, Rendered
from sluice.engine.vllm import probe
from tests.conftest import Started


class Without:
    """The same object, without the one attribute that this path leads to."""

    def __init__(self, whole: Any, path: str) -> None:
        self._whole, (self._first, _, self._rest) = whole, path.partition(".")

    def __getattr__(self, name: str) -> Any:
        if name != self._first:
            return getattr(self._whole, name)
        if not self._rest:
            raise AttributeError(f"no {name}")
        return Without(getattr(self._whole, name), self._rest)


class Odd:
    """A path that answers what it is told to; None: nothing at all."""

    step_at = 0.0

    def __init__(self, name: Any, deltas: list[Delta] | None) -> None:
        self.name, self.deltas = name, deltas
        self.aborted = self.stopped = self.cached_tokens = self.written_tokens = 0
        self.can_pause = self.survives = False

    def submit(
        self,
        sequence_id: str,
        prompt: Rendered,
        params: Any,
        receiver: Receiver,
        *,
        wants_ids: bool = False,
        cache_salt: str | None = None,
        adapter: Any = None,
    ) -> "Odd":
        for delta in self.deltas or ():
            receiver.put(delta)
        return self

    def abort(self) -> None:
        self.aborted += 1

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def reconnect(self, llm: object) -> None: ...

    def record(self) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped += 1

    async def close(self) -> None: ...


async def reason(vllm: Started, llm: Any = None) -> str | None:
    """Why not the direct way; asked before anything is taken from the running engine."""
    path, reason = await probe.choose(llm or vllm.running, "auto", Pace(), vllm.renderer)
    assert path.name == "public"
    return reason


async def test_the_direct_way_fits_what_the_lock_has(vllm: Started) -> None:
    assert (vllm.output_path, vllm.misfit) == ("direct", None)
    assert vllm.path.sequences == {}
    assert vllm.running.output_processor.request_states == {}


@pytest.mark.parametrize("kind", ["EngineCoreOutput", "EngineCoreOutputs", "EngineCoreRequest"])
async def test_other_fields_are_a_misfit(vllm: Started, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from sluice.engine.vllm.direct import contract

    struct, known = next((struct, names) for struct, names in contract.FIELDS.items() if struct.__name__ == kind)
    monkeypatch.setitem(contract.FIELDS, struct, known.replace("request_id", "").replace("timestamp", "") + " gone")
    found = await reason(vllm)
    assert found
    assert found.startswith(f"{kind} has other fields: ")
    assert "-gone" in found
    assert "+request_id" in found or "+timestamp" in found


@pytest.mark.parametrize(
    ("fields", "odd"),
    [("a b", ""), ("a b c d", ""), ("b c a d", ""), ("a b c", "-d"), ("a b e", "+e"), ("a c d f", "+f -b")],
)
async def test_all_fields_of_a_later_version_or_none(
    vllm: Started, monkeypatch: pytest.MonkeyPatch, fields: str, odd: str
) -> None:
    from sluice.engine.vllm.direct import contract

    kind = msgspec.defstruct("Kind", fields.split())
    monkeypatch.setattr(contract, "FIELDS", {kind: "a b"})
    monkeypatch.setattr(contract, "LATER_FIELDS", {kind: "c d"})
    assert contract.broken(vllm.running) == (f"Kind has other fields: {odd}" if odd else None)


@pytest.mark.parametrize(
    "path", ["output_handler", "engine_core.resources.stats_update_task", "output_processor.propagate_error"]
)
async def test_an_attribute_that_has_gone_is_a_misfit(vllm: Started, path: str) -> None:
    assert await reason(vllm, Without(vllm.running, path)) == f"{path}: no {path.rpartition('.')[2]}"


async def test_other_arguments_are_a_misfit(vllm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LogprobsProcessor, "update_from_output", lambda self, output, more: None)
    found = await reason(vllm)
    assert found
    assert found.endswith("missing a required argument: 'more'")
    monkeypatch.undo()
    monkeypatch.setattr(RequestStateStats, "__init__", lambda self, arrived_at=0.0: None)
    assert await reason(vllm) == "RequestStateStats: got an unexpected keyword argument 'arrival_time'"


async def test_a_module_that_has_moved_is_a_misfit(vllm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sluice.engine.vllm.direct.path", None)
    found = await reason(vllm)
    assert found
    assert "sluice.engine.vllm.direct.path" in found


async def test_what_the_direct_way_leaves_out_is_a_misfit(vllm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    config = vllm.running.vllm_config
    for part, name, value in (
        (config.scheduler_config, "stream_interval", 4),
        (config.observability_config, "otlp_traces_endpoint", "grpc://127.0.0.1:4317"),
    ):
        with monkeypatch.context() as asked:
            asked.setattr(part, name, value)
            found = await reason(vllm)
        assert found
        assert name in found


async def test_the_public_way_asks_nothing_of_the_direct_one(vllm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "direct", None)
    path, why = await probe.choose(vllm.running, "public", Pace(), vllm.renderer)
    assert (path.name, why) == ("public", None)


ANSWER = [Delta("1 ", 1), Delta("2", 1, "length")]


@pytest.mark.parametrize(
    "other",
    [[Delta("1 ", 1), Delta("3", 1, "length")], [Delta("1 2", 1, "length")], [Delta("1 ", 1), Delta("2", 1, "stop")]],
)
async def test_another_answer_is_a_misfit(other: list[Delta]) -> None:
    await probe.compare(Odd("direct", ANSWER), Odd("public", [Delta("1 2", 2, "length")]), Rendered([1]))
    direct, public = Odd("direct", ANSWER), Odd("public", other)
    with pytest.raises(probe.Misfit, match=r"^it answered \('1 2', 2, 'length'\) where generate\(\) answered "):
        await probe.compare(direct, public, Rendered([1]))
    assert (direct.aborted, public.aborted, public.stopped) == (1, 1, 1)
