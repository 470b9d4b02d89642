"""Adapters on a real engine: whose they are answers as they were taught, and nobody else; on both ways out of vLLM."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path

import httpx
import pytest
import torch

from sluice.demo.adapter import CAPITALS, LESSONS, train
from sluice.engine.base import Chat, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.engine import VLLMEngine
from sluice.settings import Settings
from tests.conftest import REAL, Serve, Started
from tests.engine.test_contract import Watched

GREEDY = Sampling(temperature=0.0, max_tokens=20)
LONG = Sampling(temperature=0.0, max_tokens=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "loud"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the model is too small for more, which would wait for each other
    try:
        train(folder)
    finally:
        torch.set_num_threads(threads)
    return folder


@pytest.fixture(scope="module")
async def adapted(folder: Path) -> AsyncIterator[Started]:
    settings = REAL | {"lora": [{"name": "loud", "path": str(folder)}, {"name": "again", "path": str(folder)}]}
    engine = VLLMEngine(Settings.model_validate(settings), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = await engine.start(lambda loading: None)
    assert engine.misfit is None
    yield Started(engine, model)
    await engine.stop()


@pytest.fixture(params=["direct", "public"])
def engine(request: pytest.FixtureRequest, adapted: Started) -> Started:
    from sluice.engine.vllm.public import PublicPath

    if request.param == "direct":
        return adapted
    engine = copy(adapted.engine)
    engine.path = PublicPath(engine.running)
    return Started(engine, adapted.model)


async def answer(engine: Started, question: str, adapter: str | None) -> str:
    gathered = Gathered()
    prompt = await engine.render(Chat([{"role": "user", "content": question}]))
    engine.submit(f"{engine.output_path}-{adapter}-{question}", prompt, GREEDY, gathered, adapter)
    return "".join(delta.text for delta in await gathered.all())


async def test_each_answers_as_it_was_taught_side_by_side(engine: Started) -> None:
    adapters = ("loud", None, "again")
    answers = await asyncio.gather(*(answer(engine, question, adapter) for question in LESSONS for adapter in adapters))
    plain = list(CAPITALS.values())
    assert answers == [text for loud, said in zip(LESSONS.values(), plain, strict=True) for text in (loud, said, loud)]


async def test_a_pause_changes_nothing(engine: Started) -> None:
    question = next(iter(LESSONS))
    gathered = Gathered()
    sequence = engine.submit(
        f"{engine.output_path}-paused", await engine.render(Chat([{"role": "user", "content": question}])), GREEDY,
        gathered, "loud",
    )  # fmt: skip
    sequence.pause()
    sequence.resume()
    assert "".join(delta.text for delta in await gathered.all()) == LESSONS[question]


async def test_vllms_metrics_tell_whose_run(engine: Started, adapted: Started) -> None:
    watched = Watched(40)
    prompt = await engine.render(Chat([{"role": "user", "content": "Count from 1 to 90."}]))
    sequence = engine.submit(f"{engine.output_path}-told", prompt, LONG, watched, "loud")
    await watched.reached.wait()
    assert told(adapted) == {"loud"}
    sequence.abort()
    await answer(engine, "Count from 1 to 3.", None)
    assert told(adapted) == {""}
    assert engine.engine.running.output_processor.lora_states.requests == {}


def told(engine: Started) -> set[str]:
    """The adapters that run, by the newest of vLLM's gauges."""
    samples = [
        sample
        for collector in engine.metrics()
        for metric in collector.collect()
        if metric.name == "vllm:lora_requests_info"
        for sample in metric.samples
    ]
    newest = max(samples, key=lambda sample: sample.value, default=None)
    return set() if newest is None else set(newest.labels["running_lora_adapters"].split(","))


async def test_over_http_an_adapter_is_a_model(adapted: Started, serve: Serve, folder: Path) -> None:
    settings = {"lora": [{"name": "loud", "path": str(folder)}, {"name": "again", "path": str(folder)}]}
    async with serve(adapted, settings, concurrency=8) as server, httpx.AsyncClient(
        base_url=server.url, timeout=60
    ) as client:  # fmt: skip
        for model, answered in (("loud", "PARIS"), ("demo", "Paris")):
            body = {"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
            whole = (await client.post("/v1/chat/completions", json=body | {"temperature": 0})).json()
            assert (whole["model"], whole["choices"][0]["message"]["content"]) == (model, answered)
