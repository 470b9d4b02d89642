"""vLLM's sampling parameters whose grammar has been tried already: that may take long, and is not for the loop."""

from typing import Any

from vllm.sampling_params import SamplingParams


class HeldParams(SamplingParams):
    """Verified by vLLM like any others, but for their constraint."""

    def verify(self, *arguments: Any, **named: Any) -> None:
        params: Any = self
        constraint, params.structured_outputs = params.structured_outputs, None
        try:
            super().verify(*arguments, **named)
        finally:
            params.structured_outputs = constraint
