"""A thousand streams of the real engine, from the outside: exact to the letter, and to the last field."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.api.asker import Asker
from tests.api.exact_cases import ALL, HALVES, PLAIN, SEVERAL, SPLIT, STOP, Case, logprobs
from tests.api.streams import Choice, Streamed
from tests.api.wire import CHAT, TEXT, Answered, Entry
from tests.conftest import Running, Serve, Started

STREAMS = {"accelerated": 1000, "asgi": 250}
"""The second costs the front end more, and what it adds are the same events."""
AT_ONCE = 64
END = "<|im_end|>"
"""The token that ends an answer: vLLM has it in the logprobs, but not in the text."""


@pytest.fixture
async def server(serve: Serve, vllm: Started) -> AsyncIterator[Running]:
    async with serve(vllm, concurrency=8) as server:
        yield server


@pytest.fixture
async def asker(server: Running) -> AsyncIterator[Asker]:
    asker = Asker(server.url)
    yield asker
    asker.close()


def check(case: Case, streamed: Streamed, whole: Answered) -> None:
    """What was streamed is what is known, and what the whole answer says."""
    assert tuple(choice.text for choice in streamed.choices) == case.texts
    assert [(entry.index, entry.text) for entry in whole.entries] == list(enumerate(case.texts))
    assert whole.usage is not None
    assert streamed.events == whole.usage.completion_tokens, "one event a token"
    assert streamed.usage in (None, whole.usage)
    for choice, entry in zip(streamed.choices, whole.entries, strict=True):
        assert choice.finish_reason == entry.finish_reason == case.finish_reason
        assert case.pieces is None or tuple(choice.pieces) == case.pieces
        if entry.tokens is None:
            assert choice.tokens == []
        else:
            check_tokens(case, choice, entry)


def check_tokens(case: Case, choice: Choice, entry: Entry) -> None:
    """One entry an event, whose texts make the answer, up to a stop string or the token that ends it."""
    assert entry.tokens is not None
    assert len(choice.tokens) == len(choice.pieces)
    texts = [token.text for token in choice.tokens]
    assert texts == [token.text for token in entry.tokens]
    for streamed, whole in zip(choice.tokens, entry.tokens, strict=True):
        assert streamed.logprob == pytest.approx(whole.logprob, abs=0.5)  # bf16, and other batches
        assert streamed.logprob <= 0
        assert list(streamed.top) == sorted(streamed.top, reverse=True)
    said = "".join(texts)
    if case.path == TEXT:
        lengths = [0, *itertools.accumulate(map(len, texts))]
        assert [token.offset for token in choice.tokens] == [token.offset for token in entry.tokens] == lengths[:-1]
    if case.stop:
        assert said.startswith(choice.text)
    else:
        assert said == choice.text + (END if choice.finish_reason == "stop" else "")


async def test_a_thousand_streams_say_what_whole_answers_say(asker: Asker, transport: str) -> None:
    """All kinds side by side, in no order: 64 at once, of which 8 run."""
    wholes = await asyncio.gather(*map(asker.whole, ALL))
    answers = list(zip(ALL, wholes, strict=True))
    work = [(*answers[number % len(ALL)], bool(number // len(ALL) % 2)) for number in range(STREAMS[transport])]
    random.Random(0).shuffle(work)
    ids = set[str]()

    async def ask(left: Iterator[tuple[Case, Answered, bool]]) -> None:
        for case, whole, usage in left:
            try:
                streamed = await asker.stream(case, usage)
                check(case, streamed, whole)
            except AssertionError as error:
                error.add_note(str(case))
                raise
            ids.add(streamed.id)

    left = iter(work)
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(ask(left))
    assert len(ids) == STREAMS[transport]


async def test_a_character_of_several_tokens_comes_whole_with_its_last(asker: Asker) -> None:
    """And there is an event, with an empty text, for each of the others."""
    for case in SPLIT:
        (choice,) = (await asker.stream(case)).choices
        assert tuple(choice.pieces) == case.pieces
        assert any(not before and len(piece.encode()) > 1 for before, piece in itertools.pairwise(choice.pieces))


async def test_half_a_character_is_never_sent(asker: Asker) -> None:
    """One token too few for the last character, which is left out."""
    for case in HALVES:
        (choice,) = (await asker.stream(case)).choices
        assert (tuple(choice.pieces), choice.finish_reason) == (case.pieces, "length")
        assert (await asker.whole(case)).entries[0].text == choice.text == case.texts[0]


async def test_a_stop_string_of_several_tokens_is_never_seen(asker: Asker) -> None:
    """The tokens have it, and no token alone; the text ends right before it."""
    for case in STOP:
        for choice in (await asker.stream(logprobs(case, 0))).choices:
            texts = [token.text for token in choice.tokens]
            assert not any(stop in text for stop in case.stop for text in texts)
            assert "".join(texts).startswith(choice.text + case.stop[-1])
            assert (choice.text, choice.finish_reason) == (case.texts[0], "stop")


async def test_the_likeliest_tokens_are_as_many_as_were_asked_for(asker: Asker) -> None:
    for case, number in itertools.product(PLAIN[:4], (1, 5)):
        (choice,) = (await asker.stream(logprobs(case, number))).choices
        assert [len(token.top) for token in choice.tokens] == [number] * len(choice.pieces)
        assert [token.logprob for token in choice.tokens] == [token.top[0] for token in choice.tokens]


async def test_openais_own_client_reads_the_same(server: Running) -> None:
    async with server.openai() as client:
        for case in PLAIN[:4] + STOP[:2] + SEVERAL + SPLIT:
            texts = [""] * len(case.texts)
            if case.path == CHAT:
                chat = await client.chat.completions.create(
                    model="demo", messages=case.body["messages"], stream=True, extra_body=case.body
                )
                async for chunk in chat:
                    texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
            else:
                completions = await client.completions.create(
                    model="demo", prompt=case.body["prompt"], stream=True, extra_body=case.body
                )
                async for completion in completions:
                    texts[completion.choices[0].index] += completion.choices[0].text
            assert tuple(texts) == case.texts
