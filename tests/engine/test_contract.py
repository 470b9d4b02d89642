"""What every engine does: the fake one passes the same tests as vLLM, so that it can stand in for it."""

import asyncio
from typing import Any

import msgspec
import pytest

from sluice.engine.base import Chat, Delta, Rendered, Sampling, Tokenizing
from sluice.engine.gathered import Gathered
from sluice.errors import InvalidRequest
from tests.conftest import Started
from tests.fake import FakeEngine


@pytest.fixture(params=["fake", "direct", "public"])
async def engine(request: pytest.FixtureRequest, fake: FakeEngine, vllm: Started, public: Started) -> Any:
    if request.param == "direct" and vllm.output_path != "direct":
        pytest.skip(f"the direct way does not fit: {vllm.misfit}")
    return {"fake": fake, "direct": vllm, "public": public}[request.param]


GREEDY = Sampling(temperature=0.0, max_tokens=200)


def ask(text: str) -> Chat:
    return Chat([{"role": "user", "content": text}])


async def generate(engine: Any, text: str, sampling: Sampling = GREEDY, name: str = "a") -> list[Delta]:
    return await complete(engine, await engine.render(ask(text)), sampling, name)


async def complete(engine: Any, prompt: Rendered, sampling: Sampling, name: str) -> list[Delta]:
    gathered = Gathered()
    engine.submit(name, prompt, sampling, gathered)
    return await gathered.all()


def is_token_by_token(engine: Any, deltas: list[Delta]) -> bool:
    """`generate()` merges what has not been read."""
    return engine.output_path == "public" or [delta.tokens for delta in deltas] == [1] * len(deltas)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_an_answer_comes_token_by_token(engine: Any) -> None:
    deltas = await generate(engine, "Count from 7 to 42.")
    assert text_of(deltas) == " ".join(map(str, range(7, 43)))
    assert is_token_by_token(engine, deltas)
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    assert deltas[-1].finish_reason == "stop"


async def test_max_tokens_ends_it_with_length(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 50.", Sampling(temperature=0.0, max_tokens=5))
    assert (text_of(deltas), deltas[-1].finish_reason) == ("1 2 3", "length")


async def test_logprobs_come_with_every_token(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 3.", Sampling(temperature=0.0, max_tokens=50, logprobs=1))
    for delta in deltas:
        assert delta.logprobs is not None
        assert len(delta.logprobs) == delta.tokens
        for entry in delta.logprobs:
            assert entry.logprob <= 0
            assert entry.top[0].logprob >= entry.logprob
    assert (await generate(engine, "Count from 1 to 3."))[0].logprobs is None


async def test_sequences_run_side_by_side(engine: Any) -> None:
    answers = await asyncio.gather(
        *(generate(engine, f"Count from {first} to {first + 9}.", name=f"s{first}") for first in range(1, 9))
    )
    assert [text_of(a) for a in answers] == [" ".join(map(str, range(n, n + 10))) for n in range(1, 9)]


class Watched(Gathered):
    """Knows when it has so many tokens."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.reached = number, asyncio.Event()

    def put(self, delta: Delta) -> None:
        super().put(delta)
        if sum(delta.tokens for delta in self.deltas) >= self.number:
            self.reached.set()


async def test_an_abort_ends_it_at_any_time_and_any_number_of_times(engine: Any) -> None:
    prompt, unheard, begun = await engine.render(ask("Count from 1 to 300.")), Watched(1), Watched(3)
    engine.submit("unheard", prompt, GREEDY, unheard).abort()
    sequence = engine.submit("begun", prompt, GREEDY, begun)
    await begun.reached.wait()
    heard = len(begun.deltas)
    sequence.abort()
    sequence.abort()
    assert text_of(await generate(engine, "Count from 1 to 3.")) == "1 2 3"
    assert (unheard.deltas, len(begun.deltas)) == ([], heard)
    assert not begun.ended.done()


@pytest.mark.parametrize("after", [1, 2, 30, 59])
async def test_a_pause_changes_nothing_but_the_time(engine: Any, after: int) -> None:
    paused = Watched(after)
    prompt = await engine.render(ask("Count from 1 to 30."))
    sequence = engine.submit("paused", prompt, GREEDY, paused)
    assert sequence.can_pause
    await paused.reached.wait()
    sequence.pause()
    heard = len(paused.deltas)
    assert text_of(await generate(engine, "Count from 1 to 50.")) == " ".join(map(str, range(1, 51)))
    assert len(paused.deltas) == heard
    sequence.resume()
    deltas = await paused.all()
    assert text_of(deltas) == " ".join(map(str, range(1, 31)))
    assert is_token_by_token(engine, deltas)
    assert deltas[-1].finish_reason == "stop"


async def test_a_paused_sequence_can_be_aborted(engine: Any) -> None:
    paused = Watched(2)
    sequence = engine.submit("paused", await engine.render(ask("Count from 1 to 30.")), GREEDY, paused)
    await paused.reached.wait()
    sequence.pause()
    sequence.abort()
    await generate(engine, "Count from 1 to 3.")
    assert not paused.ended.done()


@pytest.mark.parametrize("after", [0, 1, 30])
async def test_a_sequence_with_a_seed_is_made_again_and_not_told_twice(engine: Any, after: int) -> None:
    sampling, again = Sampling(temperature=1.0, max_tokens=200, seed=1, logprobs=0), Watched(after)
    prompt = await engine.render(ask("Count from 1 to 30."))
    told = await complete(engine, prompt, sampling, "once")
    sequence = engine.submit("again", prompt, sampling, again)
    assert (sequence.can_pause, sequence.survives) == (False, True)
    if after:
        await again.reached.wait()
    sequence.pause()
    sequence.resume()
    deltas = await again.all()
    assert text_of(deltas) == text_of(told)
    assert [each.token for delta in deltas for each in delta.logprobs or ()] == [
        each.token for delta in told for each in delta.logprobs or ()
    ]
    assert (sum(delta.tokens for delta in deltas), deltas[-1].finish_reason) == (
        sum(delta.tokens for delta in told), told[-1].finish_reason
    )  # fmt: skip


async def test_texts_and_token_ids_are_prompts_too(engine: Any) -> None:
    rendered = await engine.render("Count from 1 to 3.")
    assert rendered.tokens
    assert await engine.render(rendered.tokens) == rendered == Rendered(rendered.tokens)


async def test_a_token_outside_the_vocabulary_is_refused(engine: Any) -> None:
    with pytest.raises(InvalidRequest):
        await complete(engine, Rendered([2**30]), GREEDY, "bad")


async def test_a_token_is_told_to_who_wants_to_know(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 3.", msgspec.structs.replace(GREEDY, wants_ids=True))
    ids = [token for delta in deltas if delta.more for token in delta.more.ids]
    assert len(ids) == sum(delta.tokens for delta in deltas)
    assert len(set(ids)) > 2
    assert [delta.more for delta in await generate(engine, "Count from 1 to 3.")] == [None] * len(deltas)


async def test_a_stop_string_is_told_and_cut_off(engine: Any) -> None:
    deltas = await generate(engine, "Count from 1 to 9.", msgspec.structs.replace(GREEDY, stop=("5",)))
    assert (text_of(deltas), deltas[-1].finish_reason) == ("1 2 3 4 ", "stop")
    assert deltas[-1].more is not None
    assert deltas[-1].more.stop_reason == "5"


@pytest.mark.parametrize("number", [0, 2])
async def test_a_prompts_logprobs_come_with_the_first_token(engine: Any, number: int) -> None:
    prompt = await engine.render(ask("Count from 1 to 3."), None, Tokenizing(wants_text=True))
    sampling = msgspec.structs.replace(GREEDY, prompt_logprobs=number)
    first, *others = await complete(engine, prompt, sampling, "scored")
    assert first.more is not None
    assert first.more.prompt is not None
    assert not any(delta.more and delta.more.prompt for delta in others)
    scored = first.more.prompt()
    assert [scored.first_id, *(token.id for token in scored.rest)] == prompt.tokens
    assert scored.first + "".join(token.token for token in scored.rest) == prompt.text
    assert all(token.logprob <= 0 and len(token.top) >= max(1, number) for token in scored.rest)


async def test_a_long_prompt_is_cut_where_it_is_said(engine: Any) -> None:
    text = "Count from 1 to 3."
    tokens = (await engine.render(text)).tokens
    sides: list[tuple[Any, list[int]]] = [("left", tokens[-3:]), ("right", tokens[:3])]
    for side, kept in sides:
        assert (await engine.render(text, None, Tokenizing(None, 3, side))).tokens == kept
        assert (await engine.render(tokens, None, Tokenizing(None, 3, side))).tokens == kept
    assert (await engine.render(text, None, Tokenizing(None, -1, "left"))).tokens == tokens
    assert (await engine.render(tokens, None, Tokenizing(None, 100))).tokens == tokens


async def test_what_is_cached_is_told_and_shared_by_those_of_one_salt(engine: Any) -> None:
    prompt = await engine.render(ask("Repeat: one salt, one cache, and no other. " * 8))

    async def cached(salt: str | None) -> tuple[int, int]:
        gathered = Gathered()
        sampling = msgspec.structs.replace(GREEDY, max_tokens=2, cache_salt=salt)
        sequence = engine.submit("salted", prompt, sampling, gathered)
        await gathered.all()
        return sequence.cached_tokens, sequence.written_tokens

    mine, other = f"mine {engine.output_path} {id(engine)}", f"other {engine.output_path} {id(engine)}"
    read, written = await cached(mine)
    assert (read, len(prompt.tokens) >= written > len(prompt.tokens) // 2) == (0, True)
    read, again = await cached(mine)
    assert (len(prompt.tokens) > read > len(prompt.tokens) // 2, again <= written - read) == (True, True)
    assert await cached(other) == (0, written)


async def test_every_step_is_a_sign_of_life(engine: Any) -> None:
    before = engine.last_step()
    await generate(engine, "Count from 1 to 3.")
    assert engine.last_step() > before
    assert not engine.is_dead()
