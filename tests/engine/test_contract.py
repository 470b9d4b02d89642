"""What every engine does: the fake one passes the same tests as vLLM, so that it can stand in for it."""

import asyncio
from typing import Any

import pytest

from server.engine.base import Chat, Delta, Sampling
from server.engine.vllm import VLLMEngine
from server.errors import InvalidRequest
from tests.conftest import Started
from tests.fake import FakeEngine


@pytest.fixture(params=[FakeEngine, VLLMEngine], ids=lambda kind: kind.__name__)
async def engine(request: pytest.FixtureRequest, fake: FakeEngine, vllm: Started) -> Any:
    return {FakeEngine: fake, VLLMEngine: vllm}[request.param]


GREEDY = Sampling(temperature=0.0, max_tokens=200)


def ask(text: str) -> Chat:
    return Chat([{"role": "user", "content": text}])


async def generate(engine: Any, text: str, sampling: Sampling = GREEDY, name: str = "a") -> list[Delta]:
    stream = await engine.submit(name, await engine.render(ask(text)), sampling)
    return [delta async for delta in stream]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_an_answer_comes_token_by_token(engine: Any) -> None:
    deltas = await generate(engine, "Count from 7 to 42.")
    assert text_of(deltas) == " ".join(map(str, range(7, 43)))
    assert [delta.tokens for delta in deltas] == [1] * len(deltas)
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    assert deltas[-1].finish_reason == "stop"


async def test_a_reader_who_comes_late_still_gets_one_delta_a_token(engine: Any) -> None:
    late = await engine.submit("late", await engine.render(ask("Count from 1 to 30.")), GREEDY)
    await generate(engine, "Count from 1 to 50.")
    deltas = [delta async for delta in late]
    assert text_of(deltas) == " ".join(map(str, range(1, 31)))
    assert [delta.tokens for delta in deltas] == [1] * len(deltas)


async def test_max_tokens_ends_it_with_length(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 50.", Sampling(temperature=0.0, max_tokens=5))
    assert (text_of(deltas), deltas[-1].finish_reason) == ("1 2 3", "length")


async def test_logprobs_come_with_every_token(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 3.", Sampling(temperature=0.0, max_tokens=50, logprobs=1))
    for delta in deltas:
        assert delta.logprobs is not None
        (entry,) = delta.logprobs
        assert entry.logprob <= 0
        assert entry.top[0].logprob >= entry.logprob
    assert (await generate(engine, "Count from 1 to 3."))[0].logprobs is None


async def test_sequences_run_side_by_side(engine: Any) -> None:
    answers = await asyncio.gather(
        *(generate(engine, f"Count from {first} to {first + 9}.", name=f"s{first}") for first in range(1, 9))
    )
    assert [text_of(a) for a in answers] == [" ".join(map(str, range(n, n + 10))) for n in range(1, 9)]


async def test_closing_ends_it_at_any_time_and_any_number_of_times(engine: Any) -> None:
    prompt = await engine.render(ask("Count from 1 to 300."))
    unread = await engine.submit("unread", prompt, GREEDY)
    await unread.close()
    begun = await engine.submit("begun", prompt, GREEDY)
    await anext(begun)
    await begun.close()
    await begun.close()
    assert text_of(await generate(engine, "Count from 1 to 3.")) == "1 2 3"


async def test_texts_and_token_ids_are_prompts_too(engine: Any) -> None:
    tokens = await engine.render("Count from 1 to 3.")
    assert tokens
    assert await engine.render(tokens) == tokens


async def test_a_token_outside_the_vocabulary_is_refused(engine: Any) -> None:
    with pytest.raises(InvalidRequest):
        await engine.submit("bad", [2**30], GREEDY)


async def test_every_step_is_a_sign_of_life(engine: Any) -> None:
    before = engine.last_step()
    await generate(engine, "Count from 1 to 3.")
    assert engine.last_step() > before
    assert not engine.is_dead()
