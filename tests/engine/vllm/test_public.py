"""vLLM's own way out: what it makes of errors, and of a pause in the middle of a character."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers.decoders import DecodeStream
from vllm.exceptions import GenerationError, QueueOverflowError, VLLMValidationError
from vllm.sampling_params import SamplingParams
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from sluice.engine.base import Delta, Rendered, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.public import PublicPath
from sluice.errors import EngineDied, EngineFailed, InvalidRequest, RequestError, Unavailable
from tests.conftest import Started


def retryable() -> Exception:
    """As vLLM's RetryableRequestError, which 0.30 and 0.31 do not have."""
    error: Exception = GenerationError("Later.")
    error.status_code = HTTPStatus.SERVICE_UNAVAILABLE  # type: ignore[attr-defined]
    return error


def wrapped(cause: Exception) -> Exception:
    error: Exception = EngineGenerateError()
    error.__cause__ = cause
    return error


def raising(error: Exception) -> Any:
    """An AsyncLLM that refuses whatever it is given."""

    async def generate(*_: Any, **__: Any) -> AsyncIterator[Any]:
        raise error
        yield

    errored = isinstance(error, EngineDeadError)
    return SimpleNamespace(generate=generate, errored=errored, renderer=SimpleNamespace(tokenizer=None))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (VLLMValidationError("Bad.", parameter="top_p"), InvalidRequest, "Bad. (parameter=top_p)"),
        (retryable(), Unavailable, "Later."),
        (QueueOverflowError(), Unavailable, str(QueueOverflowError())),
        (GenerationError("Odd."), EngineFailed, "The engine ended the sequence with an error."),
        (wrapped(KeyError("inside")), EngineFailed, "The engine ended the sequence with an error."),
        (EngineDeadError(), EngineDied, "The engine died."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_whose_fault_it_is(error: Exception, kind: type[RequestError], message: str) -> None:
    path, gathered = PublicPath(raising(error)), Gathered()
    path.submit("a", Rendered([1]), SamplingParams(), gathered)
    with pytest.raises(kind) as failed:
        await gathered.all()
    assert (type(failed.value), failed.value.message) == (kind, message)
    assert failed.value.param == getattr(error, "parameter", None)
    assert (failed.value.retry_after is not None) == issubclass(kind, Unavailable)
    await path.stop()
    assert path.tasks == {}


class Paused(Gathered):
    """Stops its sequence for a moment after every token."""

    sequence: Any = None

    def put(self, delta: Delta) -> None:
        super().put(delta)
        if delta.finish_reason is None:
            self.sequence.pause()
            asyncio.get_running_loop().call_later(0.01, self.sequence.resume)


@pytest.mark.parametrize("text", ["漢字", "é 🎉"])
async def test_a_pause_in_the_middle_of_a_character(public: Started, text: str) -> None:
    """Tokens that are bytes, in whatever order: complete characters, and what is none."""
    prompt, pieces = await public.render("1 2 3"), await public.render(text)
    sampling = Sampling(temperature=1.0, max_tokens=40, logit_bias=dict.fromkeys(pieces.tokens, 90.0), ignore_eos=True)
    receiver = Paused()
    receiver.sequence = sequence = public.submit("bytes", prompt, sampling, receiver)
    deltas = await receiver.all()
    tokenizer = public.running.renderer.tokenizer.backend_tokenizer
    stream = DecodeStream(ids=prompt.tokens, skip_special_tokens=True)
    assert "".join(delta.text for delta in deltas) == "".join(
        stream.step(tokenizer, token) or "" for token in sequence.tokens
    )
    assert (sum(delta.tokens for delta in deltas), deltas[-1].finish_reason) == (40, "length")
    assert sequence.pauses > 20


@pytest.mark.parametrize(
    ("asked", "can"),
    [
        ({}, True),
        ({"repetition_penalty": 1.2}, True),
        ({"seed": 1}, False),
        ({"stop": ("never",)}, False),
        ({"logprobs": 1}, False),
        ({"presence_penalty": 0.5}, False),
        ({"frequency_penalty": 0.5}, False),
    ],
    ids=str,
)
async def test_what_can_be_paused(public: Started, asked: dict[str, Any], can: bool) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=2, **asked)
    gathered = Gathered()
    sequence = public.submit("pausable", await public.render("1 2 3"), sampling, gathered)
    assert sequence.can_pause == can
    await gathered.all()
