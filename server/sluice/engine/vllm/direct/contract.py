"""What the direct way takes hold of in vLLM, written down name by name: known to vLLM 0.32 and 0.33.

A vLLM that has other fields may mean something with them that would go unseen here.
"""

import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, EngineCoreRequest
from vllm.v1.engine.core_client import DPAsyncMPClient, _process_utility_output
from vllm.v1.engine.detokenizer import BaseIncrementalDetokenizer, FastIncrementalDetokenizer, IncrementalDetokenizer
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.metrics.stats import IterationStats, LoRARequestStates, RequestStateStats

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

FIELDS: dict[type, str] = {
    EngineCoreOutput: """
        request_id new_token_ids new_logprobs new_prompt_logprobs_tensors pooling_output finish_reason stop_reason
        events kv_transfer_params ec_transfer_params trace_headers prefill_stats routed_experts num_nans_in_logits
        mm_cache_miss_hashes new_sampling_mask spec_decode_metrics prompt_token_id_logprobs
    """,
    EngineCoreOutputs: """
        engine_index outputs scheduler_stats timestamp utility_output finished_requests wave_complete start_wave
        weight_version
    """,
    EngineCoreRequest: """
        request_id prompt_token_ids mm_features sampling_params pooling_params arrival_time lora_request cache_salt
        data_parallel_rank prompt_embeds prompt_is_token_ids client_index current_wave priority trace_headers resumable
        external_req_id reasoning_ended reasoning_parser_kwargs abort_immediately session_id kv_hints
    """,
}
"""All of them, of vLLM 0.32."""
LATER_FIELDS: dict[type, str] = {EngineCoreOutput: "error"}
"""Those of 0.33, too."""

ATTRIBUTES = """
    tokenizer output_handler output_processor.propagate_error output_processor.lora_states logger_manager
    engine_core.decoder.decode engine_core.utility_results engine_core.ensure_alive
    engine_core.resources.output_socket.underlying engine_core.resources.output_queue_task
    engine_core.resources.stats_update_task engine_core.resources.engine_dead engine_core.resources.validate_alive
    engine_core.resources.ctx.destroy
"""
"""Of an AsyncLLM."""


def calls(llm: "AsyncLLM") -> list[tuple[Callable[..., Any], tuple[str, ...]]]:
    """What is called, and with what: names for what goes by its place, `name=` for what goes by its name."""
    core, slow, stats = llm.engine_core, BaseIncrementalDetokenizer, IterationStats
    found: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
        (llm.get_supported_tasks, ()),
        (llm.input_processor.process_inputs, ("id", "prompt", "params", "tasks", "lora_request=")),
        (llm.output_processor.process_outputs, ("outputs", "timestamp", "stats", "weight_version")),
        (core.add_request_async, ("request",)),
        (core.abort_requests_async, ("ids",)),
        (_process_utility_output, ("output", "results")),
        (IncrementalDetokenizer.from_new_request, ("tokenizer", "request")),
        (slow.update, ("self", "tokens", "has_stopped")),
        (slow.get_next_output_text, ("self", "finished=", "delta=")),
        (slow.num_output_tokens, ("self",)),
        (FastIncrementalDetokenizer.decode_next, ("self", "token")),
        (LogprobsProcessor.from_new_request, ("tokenizer", "request")),
        (LogprobsProcessor.update_from_output, ("self", "output")),
        (LogprobsProcessor._update_prompt_logprobs, ("self", "tensors")),
        (OutputProcessor._trim_surplus_tokens, ("state", "output", "before")),
        (stats, ()),
        (stats.update_from_output, ("self", "output", "timestamp", "is_first", "state", "adapters", "adapter")),
        (stats.update_from_finished_request, ("self", "reason", "id", "prompt", "most", "state", "cached")),
        (RequestStateStats, ("arrival_time=",)),
        (LoRARequestStates.request_finished, ("self", "id", "adapter")),
        (LoRARequestStates.update_scheduler_stats, ("self", "of_scheduler")),
    ]
    if llm.logger_manager is not None:
        found.append((llm.logger_manager.record, ("of_scheduler", "of_step", "of_cache", "worker")))
    if isinstance(core, DPAsyncMPClient):
        found.append((core._ensure_stats_update_task, ()))
        found.append((type(core).process_engine_outputs, ("self", "outputs")))
    return found


def odd_fields() -> str | None:
    """The first of vLLM's messages whose fields are not those that the direct way was written for."""
    for kind, names in FIELDS.items():
        # All of them are msgspec Structs, and `type` does not tell so.
        known, there = set(names.split()), set(kind.__struct_fields__)  # type: ignore[attr-defined]
        later = set(LATER_FIELDS.get(kind, "").split())
        if there & later:
            known |= later
        if there != known:
            odd = [f"+{name}" for name in there - known] + [f"-{name}" for name in known - there]
            return f"{kind.__name__} has other fields: {' '.join(sorted(odd))}"
    return None


def broken(llm: "AsyncLLM") -> str | None:
    """The first thing that is not what the direct way was written for."""
    if odd := odd_fields():
        return odd
    for name in ATTRIBUTES.split():
        try:
            attrgetter(name)(llm)
        except AttributeError as error:
            return f"{name}: {error}"
    for function, arguments in calls(llm):
        by_place = [name for name in arguments if not name.endswith("=")]
        by_name = {name.removesuffix("="): name for name in arguments if name.endswith("=")}
        try:
            inspect.signature(function).bind(*by_place, **by_name)
        except TypeError as error:
            return f"{function.__qualname__}: {error}"
    return None
