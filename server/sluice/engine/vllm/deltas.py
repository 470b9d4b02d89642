"""From vLLM's words to the engine's: what both ways out share."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vllm.exceptions import VLLMClientError
from vllm.v1.engine.exceptions import EngineDeadError

from sluice.engine.base import Delta, FinishReason, PromptLogprobs, TokenLogprob
from sluice.engine.vllm.reason import LONGEST_REASON, brief
from sluice.errors import EngineDied, EngineFailed, InvalidRequest, RequestError, Unavailable, one_line

if TYPE_CHECKING:
    from vllm.logprobs import Logprob
    from vllm.outputs import CompletionOutput
    from vllm.outputs import RequestError as Told

LOG = logging.getLogger("sluice")

REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
"""Of vLLM's finish reasons, those that are OpenAI's, too."""

RETRY_AFTER_S = 1.0
"""When to try again what vLLM has refused for the moment; it does not say for how long."""


def to_delta(output: "CompletionOutput") -> Delta:
    """Raises EngineFailed for an end that is none of OpenAI's."""
    logprobs = None
    if output.logprobs is not None:
        logprobs = tuple(map(to_logprob, output.token_ids, output.logprobs))
    return Delta(output.text, len(output.token_ids), to_reason(output.finish_reason), logprobs)


def to_reason(reason: object) -> FinishReason | None:
    """Of a reason, or of its name. Raises EngineFailed for an end that is none of OpenAI's."""
    if reason is None:
        return None
    if str(reason) not in REASONS:
        raise EngineFailed(f"The engine ended the sequence: {reason}", code="engine_error")
    return REASONS[str(reason)]


def to_logprob(token: int, ranked: "dict[int, Logprob]") -> TokenLogprob:
    """vLLM gives the sampled token and the likeliest ones, or those that were asked for, in one mapping."""
    best = sorted(ranked.items(), key=lambda entry: -entry[1].logprob)
    top = tuple(TokenLogprob(each.decoded_token or "", each.logprob, (), other, each.rank) for other, each in best)
    own = ranked[token]
    return TokenLogprob(own.decoded_token or "", own.logprob, top, token, own.rank)


def to_prompt_logprobs(first: str, tokens: Sequence[int], ranked: "Sequence[Any]") -> PromptLogprobs:
    """Of what vLLM has for each token, which for the first one is nothing."""
    return PromptLogprobs(first, tokens[0], tuple(map(to_logprob, tokens[1:], ranked[1:])))


def salted(cache_salt: str | None) -> dict[str, Any]:
    """Of a prompt, as vLLM takes it."""
    return {} if cache_salt is None else {"cache_salt": cache_salt}


def ended_by(error: BaseException) -> RequestError:
    """Whose fault an exception of vLLM's is: its own server answers with the same statuses.

    What it says goes to the client if that can mend it, and else to the log.
    """
    if isinstance(error, RequestError):
        return error
    if isinstance(error, EngineDeadError):
        return EngineDied()
    if isinstance(error, VLLMClientError):
        return InvalidRequest(brief(error), param=getattr(error, "parameter", None))
    status = getattr(error, "status_code", getattr(error, "http_status", None))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return not_now(one_line(error))
    return broken(one_line(error.__cause__ or error))


def told_by(error: "Told") -> RequestError:
    """The same of what vLLM says of a sequence that it has not run, from 0.33 on."""
    if error.code == "validation_error":
        return InvalidRequest(error.message[:LONGEST_REASON])
    if error.retryable:
        return not_now(error.message)
    return broken(error.message)


def broken(what: str) -> EngineFailed:
    LOG.error("The engine ended a sequence: %s", what)
    return EngineFailed("The engine ended the sequence with an error.", code="engine_error")


def not_now(message: str) -> Unavailable:
    return Unavailable(message, code="engine_busy", retry_after=RETRY_AFTER_S)
