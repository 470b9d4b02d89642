"""The hot path gives, output for output, what vLLM's public `generate()` gives."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from vllm.v1.engine import FinishReason

from sluice.engine.base import Chat, Delta, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.direct.outbox import FEW_MESSAGES
from sluice.engine.vllm.direct.sequence import DETOKENIZER_CONTEXT_TOKENS, DirectSequence
from sluice.errors import EngineFailed, InvalidRequest, RequestError, Unavailable
from sluice.telemetry.exposition import exposition
from tests.conftest import Started

COUNT = "Count from 1 to 40."
GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 60}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (COUNT, {}),
    "the end of its own accord": (COUNT, {"max_tokens": 500}),
    "one token": (COUNT, {"max_tokens": 1}),
    "beyond the end": ("Count from 1 to 3.", {"ignore_eos": True}),
    "a stop string": (COUNT, {"stop": ("17",)}),
    "a stop string over several tokens": (COUNT, {"stop": ("17 18 1", "never")}),
    "a stop string that comes too early": (COUNT, {"stop": ("3",), "min_tokens": 20}),
    "logprobs": (COUNT, {"logprobs": 3}),
    "logprobs of the token alone": (COUNT, {"logprobs": 0}),
    "logprobs and a stop string": (COUNT, {"logprobs": 1, "stop": ("12 1",)}),
    "characters of several bytes": ("Repeat: é ß 漢字 🎉 …", {"max_tokens": 40}),
    "a seed": (COUNT, {"temperature": 1.0, "seed": 7}),
    "penalties": (COUNT, {"presence_penalty": 1.0, "frequency_penalty": 0.5, "repetition_penalty": 1.2}),
    "a stop token": (COUNT, {"stop_token_ids": (300, 20, 25, 30, 35, 40, 45, 50)}),
    "the stop string, too": (COUNT, {"stop": ("17",), "include_stop_str_in_output": True}),
    "words that must not be": (COUNT, {"bad_words": ("4", "12")}),
    "only some tokens": (COUNT, {"allowed_token_ids": tuple(range(300, 340))}),
    "logprobs of some tokens": (COUNT, {"logprobs": 0, "logprob_token_ids": (5, 300, 7)}),
    "a prompt's logprobs": (COUNT, {"prompt_logprobs": 2, "max_tokens": 3}),
    "special tokens in the text": (
        "Count from 1 to 3.",
        {"ignore_eos": True, "skip_special_tokens": False, "max_tokens": 20},
    ),
    "special tokens without spaces": (
        "Count from 1 to 3.",
        {
            "ignore_eos": True,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "max_tokens": 20,
        },
    ),
    "a bias": (COUNT, {"logit_bias": {100: 90.0}, "max_tokens": 8}),
}


async def generated(engine: Started, asked: str | Chat, sampling: Sampling) -> list[Delta]:
    gathered = Gathered()
    engine.submit(f"compared-{engine.output_path}", await engine.render(asked), sampling, gathered)
    return await gathered.all()


@pytest.mark.parametrize("case", CASES)
async def test_as_generate_does(direct: Started, public: Started, case: str) -> None:
    text, asked = CASES[case]
    sampling, prompt = Sampling(**(GREEDY | asked)), chat(text)
    mine, theirs = await generated(direct, prompt, sampling), await generated(public, prompt, sampling)
    assert [delta.tokens for delta in mine] == [1] * len(mine)
    assert one_a_token(theirs) == one_a_token(mine)
    assert direct.path.sequences == {}


@pytest.mark.parametrize("text", ["1 2 3 4 5 " * 10, "漢字 🎉 é " * 10, "漢字" * 30, "🎉" * 30])
async def test_of_a_prompt_only_the_end_is_decoded(direct: Started, public: Started, text: str) -> None:
    assert len((await direct.render(text)).tokens) > DETOKENIZER_CONTEXT_TOKENS
    for bias in (None, dict.fromkeys((await direct.render("字 🎉 é")).tokens, 50.0)):
        sampling = Sampling(max_tokens=20, temperature=1.0, seed=3, logit_bias=bias, ignore_eos=True)
        mine, theirs = await generated(direct, text, sampling), await generated(public, text, sampling)
        assert one_a_token(theirs) == one_a_token(mine)


class Noted:
    """A receiver that notes in which of the engine's steps, and before whom, it was given something."""

    def __init__(self, name: str, engine: Started, steps: dict[float, list[str]]) -> None:
        self.name, self.engine, self.steps = name, engine, steps
        self.first, self.last = asyncio.Event(), asyncio.Event()

    def put(self, delta: Delta) -> None:
        self.steps[self.engine.last_step()].append(self.name)
        self.first.set()
        if delta.finish_reason:
            self.last.set()

    def fail(self, error: RequestError) -> None:
        raise error


async def test_the_newest_sequence_comes_first(direct: Started) -> None:
    steps = defaultdict[float, list[str]](list)
    old, new = Noted("old", direct, steps), Noted("new", direct, steps)
    prompt = await direct.render(chat(COUNT))
    for receiver in (old, new):
        direct.submit(receiver.name, prompt, Sampling(**GREEDY), receiver)
        await receiver.first.wait()
    await asyncio.gather(old.last.wait(), new.last.wait())
    assert ["new", "old"] in steps.values()
    assert ["old", "new"] not in steps.values()


async def test_what_one_turn_of_the_loop_has_goes_out_a_few_at_a_time(direct: Started) -> None:
    outbox, prompt = direct.path.outbox, await direct.render(chat(COUNT))
    receivers = [Gathered() for _ in range(FEW_MESSAGES + 1)]
    for number, receiver in enumerate(receivers):
        assert len(outbox.unsent) == number % FEW_MESSAGES
        direct.submit(f"together-{number}", prompt, Sampling(**GREEDY), receiver)
    answers = await asyncio.gather(*(receiver.all() for receiver in receivers))
    assert outbox.unsent == []
    assert [sum(delta.tokens for delta in answer) for answer in answers] == [GREEDY["max_tokens"]] * len(receivers)


def chat(text: str) -> Chat:
    return Chat([{"role": "user", "content": text}])


def one_a_token(deltas: list[Delta]) -> tuple[Any, ...]:
    """What an answer is made of, however many tokens share a delta: `generate()` merges what has not been read."""
    logprobs = [logprob for delta in deltas for logprob in delta.logprobs or ()]
    text = "".join(delta.text for delta in deltas)
    told = [delta.more for delta in deltas if delta.more is not None]
    prompt = [more.prompt() for more in told if more.prompt is not None]
    stops = [more.stop_reason for more in told if more.stop_reason is not None]
    return text, sum(delta.tokens for delta in deltas), deltas[-1].finish_reason, logprobs, prompt, stops


def test_every_sampling_parameter_is_compared() -> None:
    compared = {name for _, asked in CASES.values() for name in asked} | set(GREEDY)
    assert set(Sampling.__struct_fields__) - compared == {
        "top_p", "top_k", "min_p", "constraint",  # they only choose among tokens
        "wants_ids",  # test_contract
        "thinking_token_budget", "cache_salt",  # tests/api/test_fields
    }  # fmt: skip


async def test_vllms_own_metrics_are_kept(direct: Started) -> None:
    def value(name: str) -> float:
        lines = exposition(direct.metrics()).decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and line[len(name)] in "{ ")

    names = (
        "vllm:generation_tokens_total", "vllm:prompt_tokens_total", "vllm:request_success_total",
        "vllm:time_to_first_token_seconds_count", "vllm:request_generation_tokens_sum",
        "vllm:e2e_request_latency_seconds_count", "vllm:request_queue_time_seconds_count",
    )  # fmt: skip
    before = {name: value(name) for name in names}
    deltas = await generated(direct, chat(COUNT), Sampling(**GREEDY))
    prompt = len((await direct.render(chat(COUNT))).tokens)
    more = {name: value(name) - before[name] for name in names}
    assert more == dict.fromkeys(names, 1.0) | {
        "vllm:generation_tokens_total": len(deltas),
        "vllm:request_generation_tokens_sum": len(deltas),
        "vllm:prompt_tokens_total": prompt,
    }
    assert value("vllm:num_requests_running") == 0


async def test_a_token_that_there_is_not(direct: Started) -> None:
    """It is vLLM's to say what becomes of it; the next one is decoded as ever."""
    prompt, [letter] = await direct.render(chat(COUNT)), (await direct.render("a")).tokens
    sequence = direct.submit("odd", prompt, Sampling(**GREEDY), Gathered())
    assert isinstance(sequence, DirectSequence)
    assert [sequence.decode(token) for token in (-1, letter)] == ["", "a"]
    sequence.abort()


@pytest.mark.parametrize(
    ("told", "kind", "message"),
    [
        (SimpleNamespace(code="validation_error", message="Bad.", retryable=False), InvalidRequest, "Bad."),
        (SimpleNamespace(code="engine_paused", message="Later.", retryable=True), Unavailable, "Later."),
        (
            SimpleNamespace(code="odd", message="Odd.", retryable=False),
            EngineFailed,
            "The engine ended the sequence with an error.",
        ),
        (None, EngineFailed, "The engine ended the sequence: error"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
async def test_what_vllm_0_33_says_of_a_sequence_that_it_does_not_run(
    direct: Started, told: Any, kind: type[RequestError], message: str
) -> None:
    gathered = Gathered()
    sequence = direct.submit("told", await direct.render(chat(COUNT)), Sampling(**GREEDY), gathered)
    output = SimpleNamespace(
        request_id=sequence.id, new_token_ids=[], finish_reason=FinishReason.ERROR, finished=True, error=told
    )
    step = SimpleNamespace(outputs=[output], timestamp=0.0, scheduler_stats=None, engine_index=0)
    told_of_steps = len(direct.path.untold)
    direct.path.step(step)
    with pytest.raises(kind) as failed:
        await gathered.all()
    assert (type(failed.value), failed.value.message) == (kind, message)
    assert (failed.value.retry_after is not None) == (kind is Unavailable)
    stats = direct.path.untold[told_of_steps][1]
    assert (stats.time_to_first_tokens_iter, stats.finished_requests) == ([], []), "it never ran"
