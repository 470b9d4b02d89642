"""Which way the outputs come: the direct one if all of it is as it was written for, else vLLM's own."""

import asyncio
from typing import TYPE_CHECKING, Literal

from sluice.engine.base import Pace, Rendered
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.output_path import OutputPath
from sluice.engine.vllm.public import PublicPath
from sluice.engine.vllm.renderer import Renderer
from sluice.errors import one_line

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

PROBE_WAIT_S = 60.0
"""How long both answers may take together. The first one of all may have to compile something."""
QUESTION, ANSWER_TOKENS = "1 2 3 4 5 6", 8


class Misfit(Exception):
    """The direct way is not for this vLLM, or not for what is asked of it; the message says why."""


async def choose(
    llm: "AsyncLLM", wanted: Literal["auto", "direct", "public"], pace: Pace, renderer: Renderer
) -> tuple[OutputPath, str | None]:
    """The way that has been started, and why it isn't the direct one, had it been welcome.

    Raises EngineFailed if the engine has died.
    """
    reason = None
    if wanted != "public":
        try:
            return await direct(llm, pace, renderer), None
        except Exception as error:  # whatever it is: a vLLM whose insides have moved is served all the same
            reason = one_line(error)
    public = PublicPath(llm)
    await public.start()
    return public, reason


def outlook() -> str | None:
    """Why the direct way will not do, as far as this can be said before a model is loaded. Imports vLLM."""
    from sluice.engine.vllm.direct.contract import odd_fields

    return odd_fields()


async def direct(llm: "AsyncLLM", pace: Pace, renderer: Renderer) -> OutputPath:
    """Raises whatever is in its way, and then has left everything to vLLM."""
    config = llm.vllm_config
    if config.observability_config.otlp_traces_endpoint is not None:
        raise Misfit("it has no tracing (otlp_traces_endpoint)")
    if config.scheduler_config.stream_interval > 1:
        raise Misfit("it gives every token at once (stream_interval)")
    from sluice.engine.vllm.direct.contract import broken
    from sluice.engine.vllm.direct.path import DirectPath

    if reason := broken(llm):
        raise Misfit(reason)
    path = DirectPath(llm, pace)
    try:
        async with asyncio.timeout(PROBE_WAIT_S):
            await path.start()
            await compare(path, PublicPath(llm), Rendered(await renderer.render(QUESTION)))
    except BaseException as error:
        await path.give_back()
        if isinstance(error, TimeoutError):
            raise Misfit(f"it gave no answer within {PROBE_WAIT_S:.0f} s") from error
        raise
    return path


async def compare(path: OutputPath, other: OutputPath, prompt: Rendered) -> None:
    """One short answer, the likeliest tokens, over each of them. Raises Misfit if there is a difference."""
    try:
        answers = [await answer(way, prompt) for way in (path, other)]
    finally:
        await other.stop()
    if answers[0] != answers[1]:
        raise Misfit("it answered {} where generate() answered {}".format(*answers))


async def answer(path: OutputPath, prompt: Rendered) -> tuple[str, int, str | None]:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    params = SamplingParams(temperature=0.0, max_tokens=ANSWER_TOKENS, output_kind=RequestOutputKind.DELTA)
    gathered = Gathered()
    sequence = path.submit(f"probe-{path.name}", prompt, params, gathered)
    try:
        deltas = await gathered.all()
    finally:
        sequence.abort()
    return "".join(delta.text for delta in deltas), sum(delta.tokens for delta in deltas), deltas[-1].finish_reason
